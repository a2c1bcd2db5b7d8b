// What the server answers; every request names the reader and the pass.

/** The status of what was changed elsewhere. */
export const STALE = 409;

export class ServerError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export class Api {
  constructor(reader, pass) {
    this.reader = reader;
    this.pass = pass;
  }

  async ask(path, { method = "GET", body, query = {} } = {}) {
    const words = new URLSearchParams({ reader: this.reader, pass: this.pass, ...query });
    let answer;
    try {
      answer = await fetch(`/api/${path}?${words}`, { method, body, credentials: "same-origin" });
    } catch {
      throw new ServerError("The server does not answer. Start `alcseg review` again and reload the page.", 0);
    }
    if (!answer.ok) {
      const told = await answer.text();
      let message = told;
      try {
        message = JSON.parse(told).error;
      } catch {
        // A line of plain text.
      }
      throw new ServerError(message, answer.status);
    }
    return answer;
  }

  async json(path, options) {
    return (await this.ask(path, options)).json();
  }

  /** Bytes of a volume, or null where there is none. */
  async bytes(path, options) {
    const answer = await this.ask(path, options);
    return answer.status === 204 ? null : new Uint8Array(await answer.arrayBuffer());
  }

  queue() {
    return this.json("queue");
  }

  /** Everything that is shown of a case. */
  async load(number) {
    const place = `cases/${number}`;
    const [about, image, given, proposed, regionMap, changed, uncertainty] = await Promise.all([
      this.json(place),
      this.bytes(`${place}/image.nii`),
      this.bytes(`${place}/given`),
      this.bytes(`${place}/proposed`),
      this.bytes(`${place}/regions`),
      this.bytes(`${place}/drawing`),
      this.bytes(`${place}/uncertainty`),
    ]);
    return { ...about, image, given, proposed, regionMap, uncertainty, drawing: changed ?? proposed ?? given };
  }

  save(number, note, drawing, grid) {
    const query = drawing ? { grid } : {};
    return this.json(`cases/${number}/reading`, { method: "PUT", body: packed(note, drawing), query });
  }

  decide(number, verdict, note, drawing, grid) {
    const query = drawing ? { grid } : {};
    return this.json(`cases/${number}/decision/${verdict}`, { method: "POST", body: packed(note, drawing), query });
  }

  interpolate(number, drawing, value, axis, grid) {
    const query = { class: value, axis, grid };
    return this.bytes(`cases/${number}/interpolation`, { method: "POST", body: drawing, query });
  }

  conflicts() {
    return this.json("conflicts");
  }

  adopt(decision) {
    return this.json(`conflicts/${decision}`, { method: "POST" });
  }
}

/** One line of JSON, then the bytes of the drawing. */
function packed(note, drawing) {
  const line = `${JSON.stringify(note)}\n`;
  return new Blob(drawing ? [line, drawing] : [line]);
}
