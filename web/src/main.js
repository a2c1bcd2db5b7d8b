// The page: one case at a time, decided by keyboard. What the reader does to a case stands in `Page`.

import { Api, ServerError } from "./api.js";
import { History } from "./history.js";
import { HELP, actionOf } from "./keys.js";
import { Queue, element, make, stateInWords } from "./queue.js";
import { colorOf } from "./lines.js";
import { Viewer, readImage } from "./viewer.js";

const SAVE_AFTER_MS = 700;
const IDLE_MS = 60_000; // Who does nothing for so long is away: the time is not counted.
const BROKEN = 422; // The status of what the server cannot read.
const STYLES = ["outline", "fill", "off"];

class Page {
  constructor(address) {
    this.address = address;
    const known = (name) => address.get(name) || window.localStorage.getItem(name); // A link of a report names nobody.
    this.api = new Api(known("reader") || "reader", Number(known("pass") || 1));
    this.queue = new Queue((number) => this.open(number));
    this.viewer = new Viewer(element("view"));
    this.history = new History();
    this.ahead = new Map();
    this.kept = new Map(); // Cases whose decision did not reach the server, as the reader left them.
    this.trail = []; // Cases that were open before this one.
    this.styles = { given: "outline", now: "outline", proposed: "off", uncertainty: "outline" };
    this.pen = { on: false, value: 1, erasing: false, filled: false, size: 3 };
    this.acting = false;
  }

  async start() {
    element("reader").value = this.api.reader;
    element("pass").value = this.api.pass;
    await this.viewer.attach();
    this.viewer.onStroke = () => this.stroke();
    this.viewer.onMove = (place) => (element("where").textContent = place.map((at) => at + 1).join(" "));
    this.listen();
    this.queue.fill(await this.api.queue());
    window.localStorage.setItem("reader", this.api.reader);
    window.localStorage.setItem("pass", this.api.pass);
    this.setPace();
    const wanted = this.queue.cases.findIndex((one) => one.case_id === this.address.get("case"));
    const first = wanted >= 0 ? wanted : (this.queue.next(-1) ?? 0);
    if (!this.queue.cases.length) return this.say("There is nothing to review: no case has a label.");
    const shown = await this.open(first, Number(this.address.get("region")) || 1);
    if (!shown) await this.openNext(first);
    const [asked, of] = [this.address.get("case"), this.address.get("of")];
    const running = this.queue.told.review;
    if (of && of !== running) this.say(`The link was to the review of ${of}, but that of ${running} is running here.`);
    else if (asked && wanted < 0) this.say(`${asked} is no case of this review.`);
  }

  listen() {
    window.addEventListener("keydown", (event) => this.key(event), true);
    for (const kind of ["pointermove", "keydown", "wheel"]) {
      window.addEventListener(kind, () => this.alive(), { passive: true });
    }
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) {
        this.rest();
        this.save();
      } else this.alive();
    });
    window.addEventListener("beforeunload", (event) => {
      if (this.unsaved || this.kept.size) event.preventDefault();
    });
    document.body.addEventListener("click", (event) => {
      const action = event.target.closest?.("[data-action]")?.dataset.action;
      if (action) this.act(action);
    });
    element("view").addEventListener("pointerdown", (event) => {
      if (event.ctrlKey || event.metaKey) setTimeout(() => this.act("pick"));
    });
    element("comment").addEventListener("input", () => this.changed());
    element("opacity").addEventListener("input", () => this.drawLayers());
    element("size").addEventListener("input", (event) => {
      this.pen.size = Number(event.target.value);
      this.setPen();
    });
    for (const id of ["reader", "pass"]) {
      element(id).addEventListener("change", () => this.become(element("reader").value.trim(), Number(element("pass").value)));
    }
    element("show-conflicts").addEventListener("click", () => this.showConflicts());
  }

  /** Read on as somebody else, or for another time. */
  async become(reader, pass) {
    if (!(await this.save())) return;
    const address = new URLSearchParams({ reader: reader || "reader", pass: Math.min(99, Math.max(1, pass || 1)) });
    window.location.search = address;
  }

  // ---- a case

  /** Show a case. False where it cannot be, or the one before cannot be saved; the banner says why. */
  async open(number, region = 1) {
    if (!(await this.save())) return false;
    this.queue.setCurrent(number);
    this.opening = number;
    let found;
    try {
      found = await (this.kept.get(number) ?? this.ahead.get(number) ?? this.load(number));
    } catch (error) {
      this.say(`${this.queue.cases[number].case_id}: ${error.message}`);
      if (error.status === BROKEN) this.queue.setState(number, "broken");
      if (this.case && this.opening === number) this.queue.setCurrent(this.case.number);
      return false;
    } finally {
      this.ahead.delete(number);
    }
    if (this.opening !== number) return true;
    if (this.case && this.case.number !== number) this.trail.push(this.case.number);
    this.case = found;
    this.accepted = { ...found.accepted };
    this.version = found.version;
    this.touched = found.has_drawing;
    this.unsaved = this.kept.delete(number);
    this.region = 0;
    this.spent = found.seconds * 1000;
    this.begun = document.hidden ? null : performance.now();
    this.moved = performance.now();
    this.hush();
    this.acting = false;
    this.viewer.show(found);
    if (this.other) this.other.show({ ...found, drawing: found.given });
    this.history.reset(found.drawing);
    this.fillPanel();
    this.setPen();
    if (found.regions.length) this.goToRegion(Math.min(region, found.regions.length));
    else {
      this.viewer.goTo(middle(found));
      this.drawLayers();
    }
    this.viewer.settle();
    this.other?.settle();
    document.title = `${found.case_id}, ALCSeg review`;
    const address = new URLSearchParams({ reader: this.api.reader, pass: this.api.pass, case: found.case_id });
    window.history.replaceState(null, "", `?${address}`);
    document.body.dataset.case = found.case_id;
    this.loadAhead();
    return true;
  }

  /** Everything of a case, its image read. */
  async load(number) {
    const found = await this.api.load(number);
    return { ...found, volume: await readImage(found) };
  }

  /** Go on to the next undecided case, past those that cannot be read; false where there is none, undefined in trouble. */
  async openNext(number) {
    const passed = [];
    for (;;) {
      const next = this.queue.next(number);
      if (next === undefined) return false;
      if (await this.open(next)) {
        if (passed.length) this.say(`Passed over: ${passed.join(" ")}`);
        return true;
      }
      if (this.queue.cases[next].state !== "broken") return undefined;
      passed.push(element("banner").textContent);
    }
  }

  loadAhead() {
    const next = this.queue.next(this.case.number);
    this.ahead = new Map([...this.ahead].filter(([number]) => number === next));
    if (next === undefined || this.ahead.has(next)) return;
    const coming = this.load(next);
    coming.catch(() => this.ahead.delete(next)); // It is asked for again, and told, when it is opened.
    this.ahead.set(next, coming);
  }

  fillPanel() {
    const { case_id, words, classes, regions, verdict, comment } = this.case;
    element("case-id").textContent = case_id;
    element("verdict").textContent = verdict ? `Decided: ${stateInWords(verdict)}` : "";
    element("words").replaceChildren(...words.map((text) => make("li", { textContent: text })));
    element("comment").value = comment;
    this.pen.value = Math.min(this.pen.value, classes.length - 1);
    element("classes").replaceChildren(
      ...classes.slice(1).map((name, index) => {
        const button = make("button", { textContent: `${index + 1} ${name}` });
        button.style.borderLeft = `4px solid ${colorOf(index + 1)}`;
        button.dataset.class = index + 1;
        button.addEventListener("click", () => this.choose(index + 1));
        return button;
      }),
    );
    element("regions").replaceChildren(
      ...regions.map((one) => {
        const item = make("li", {});
        item.dataset.region = one.number;
        const names = one.classes.map((value) => classes[value]).join(" and ");
        const what = one.scattered ? `${one.voxels} scattered voxels` : `${one.kind}: ${names}`;
        const go = make("button", { className: "go" });
        go.append(
          `${what} `,
          make("small", { textContent: `${number(one.mm3)} mm³, slice ${one.place[2] + 1}` }),
        );
        go.addEventListener("click", () => this.goToRegion(one.number));
        const take = make("button", { className: "take", title: "take the change, or leave it" });
        take.addEventListener("click", () => this.toggleRegion(one.number));
        item.append(go, take);
        return item;
      }),
    );
    this.markRegions();
    this.fillLayers();
  }

  // ---- layers

  fillLayers() {
    const lines = [
      ["given", "given label", "dashed"],
      ["now", "label now", "solid"],
      ["proposed", "proposal", "dotted"],
      ["uncertainty", "uncertainty", "solid"],
    ].filter(([id]) => (id !== "proposed" || this.case.has_proposal) && (id !== "uncertainty" || this.case.has_uncertainty));
    element("layers").replaceChildren(
      ...lines.map(([id, words, stroke]) => {
        const line = make("div", {});
        const swatch = make("span", { className: "swatch" });
        swatch.style.borderTopStyle = stroke;
        const select = make("select", { id: `layer-${id}` });
        select.setAttribute("aria-label", words);
        select.append(...STYLES.map((value) => make("option", { value, textContent: value })));
        select.value = this.styles[id];
        select.addEventListener("change", () => {
          this.styles[id] = select.value;
          this.drawLayers();
        });
        line.append(swatch, make("span", { textContent: words }), select);
        return line;
      }),
    );
  }

  drawLayers() {
    const { given, proposed, uncertainty, regionMap } = this.case;
    const { styles } = this;
    const layers = [
      { label: given, style: styles.given, dash: [5, 4], width: 1.4 },
      { label: proposed, style: styles.proposed, dash: [1, 3], width: 1.6 },
      { label: "drawing", style: styles.now, width: 1.8 },
      uncertainLayer(uncertainty, styles.uncertainty),
      { label: regionMap, keep: (value) => value === this.region, color: "#ffffff", dash: [2, 2], width: 1, style: this.region ? "outline" : "off" },
    ];
    this.viewer.setLayers(layers);
    this.other?.setLayers([{ label: given, style: "outline", width: 1.8 }, ...layers.slice(3)]);
    for (const view of [this.viewer, this.other]) view?.setFillOpacity(Number(element("opacity").value));
  }

  async sideBySide() {
    const figure = element("given-view");
    figure.hidden = !figure.hidden;
    element("view-caption").textContent = figure.hidden ? "" : "now";
    if (!figure.hidden && !this.other) {
      this.other = new Viewer(figure);
      await this.other.attach();
      this.other.show({ ...this.case, drawing: this.case.given });
      this.viewer.linkWith(this.other);
    }
    this.drawLayers();
    this.viewer.goTo(this.viewer.place);
  }

  // ---- regions

  goToRegion(number) {
    this.region = number;
    this.viewer.goTo(this.case.regions[number - 1].place);
    this.markRegions();
    this.drawLayers();
  }

  markRegions() {
    for (const item of element("regions").children) {
      const number = item.dataset.region;
      const rejected = this.accepted[number] === false;
      item.classList.toggle("rejected", rejected);
      item.classList.toggle("current", Number(number) === this.region);
      item.querySelector(".take").textContent = rejected ? "given" : "taken";
    }
    element("regions").querySelector(".current")?.scrollIntoView({ block: "nearest" });
  }

  /** Take one region from the given label instead of the proposal, or the other way round. */
  toggleRegion(number) {
    const take = this.accepted[number] === false;
    const source = take ? this.case.proposed : this.case.given;
    const drawing = this.viewer.drawing;
    const { regionMap } = this.case;
    for (let i = 0; i < drawing.length; i++) if (regionMap[i] === number) drawing[i] = source[i];
    const before = { ...this.accepted };
    this.accepted = { ...this.accepted, [number]: take };
    this.history.record(drawing, { before, after: this.accepted });
    this.viewer.drawingChanged();
    this.markRegions();
    this.touch();
  }

  // ---- drawing

  stroke() {
    if (this.pen.on && this.history.record(this.viewer.drawing)) {
      this.viewer.drawingChanged();
      this.touch();
    }
  }

  choose(value) {
    this.pen.value = value;
    this.pen.erasing = false;
    this.pen.on = true;
    this.setPen();
  }

  setPen() {
    const { on, value, erasing, filled, size } = this.pen;
    if (on) this.viewer.setPen(erasing ? 0 : value, { size, filled: filled && !erasing });
    else this.viewer.stopPen();
    press("brush", on && !erasing && !filled);
    press("filled", on && !erasing && filled);
    press("eraser", on && erasing);
    for (const button of element("classes").children) {
      button.setAttribute("aria-pressed", Number(button.dataset.class) === value);
    }
    element("size").value = size;
    element("size-is").textContent = `${size} voxels`;
  }

  undo(which) {
    const change = this.history[which](this.viewer.drawing);
    if (!change) return;
    if (change.regions) this.accepted = change.regions[which === "undo" ? "before" : "after"];
    this.viewer.drawingChanged();
    this.markRegions();
    this.touch();
  }

  async interpolate() {
    const { number: place, grid } = this.case;
    const filled = await this.api.interpolate(place, this.viewer.drawing, this.pen.value, this.viewer.axis, grid);
    if (this.case.number !== place) return;
    this.viewer.setDrawing(filled);
    if (this.history.record(this.viewer.drawing)) this.touch();
  }

  touch() {
    this.touched = true;
    this.changed();
  }

  // ---- saving and deciding

  note() {
    return {
      version: this.version,
      regions: this.accepted,
      comment: element("comment").value,
      seconds: Math.round(this.seconds() * 10) / 10,
    };
  }

  changed() {
    this.unsaved = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  /** Keep the draft, one after the other; false where the server does not have it then. */
  async save() {
    clearTimeout(this.timer);
    await this.saving;
    if (!this.unsaved || this.acting) return true;
    if (this.saving) return this.save(); // Somebody else has waited, too.
    this.saving = this.send();
    try {
      return await this.saving;
    } finally {
      this.saving = null;
    }
  }

  async send() {
    this.unsaved = false;
    const about = this.case;
    const drawing = this.touched ? this.viewer.drawing.slice() : null;
    try {
      const { version } = await this.api.save(about.number, this.note(), drawing, about.grid);
      if (this.case === about) this.version = version;
    } catch (error) {
      this.unsaved = true;
      this.tell(error);
      return false;
    }
    if (drawing && this.queue.cases[about.number].state === "open") this.queue.setState(about.number, "begun");
    return true;
  }

  async decide(verdict) {
    if (this.acting || !this.case) return;
    this.acting = true;
    clearTimeout(this.timer);
    await this.saving;
    this.unsaved = false;
    const about = this.case;
    const note = this.note();
    const drawing = this.touched ? this.viewer.drawing.slice() : null;
    const sent = this.api.decide(about.number, verdict, note, verdict === "keep" ? null : drawing, about.grid);
    sent.catch(() => {}); // It is told below, once the next case is there.
    const before = this.queue.cases[about.number].state;
    this.queue.cases[about.number].state = verdict;
    try {
      const gone = await this.openNext(about.number);
      const told = await sent;
      this.queue.setState(about.number, told.verdict);
      if (!gone) {
        this.version = told.version;
        element("verdict").textContent = `Decided: ${stateInWords(told.verdict)}`;
      }
      if (gone === false) {
        this.say("That was the last one. Ctrl-C in the terminal ends, then `alcseg review ... --apply NEW`.");
      }
      await this.setPace();
    } catch (error) {
      this.queue.setState(about.number, before);
      if (error.status !== 409) {
        const { regions: accepted, comment, version, seconds } = note;
        const work = { accepted, comment, version, seconds, has_drawing: drawing !== null };
        this.kept.set(about.number, { ...about, ...work, drawing: drawing ?? about.drawing });
      }
      this.acting = false;
      await this.open(about.number);
      this.tell(error);
    } finally {
      this.acting = false;
    }
  }

  async setPace() {
    const told = await this.api.queue();
    this.queue.told = told;
    const left = told.cases.length - told.decided;
    this.queue.secondsPerCase = told.seconds_left === null || !left ? null : told.seconds_left / left;
    this.queue.draw();
  }

  /** Time on this case without pauses. */
  seconds() {
    return (this.spent + (this.begun === null ? 0 : performance.now() - this.begun)) / 1000;
  }

  rest() {
    if (this.begun !== null) this.spent += performance.now() - this.begun;
    this.begun = null;
  }

  alive() {
    const now = performance.now();
    if (this.begun !== null && now - this.moved > IDLE_MS) this.spent += this.moved + IDLE_MS - this.begun;
    if (this.begun === null || now - this.moved > IDLE_MS) this.begun = now;
    this.moved = now;
  }

  // ---- conflicts

  async showConflicts() {
    const found = await this.api.conflicts();
    const table = make("table", {});
    table.append(row("th", ["case", "readings", "agreement", "choose"]));
    for (const one of found) {
      const verdicts = Object.entries(one.verdicts).map(([who, what]) => `${who}: ${stateInWords(what)}`);
      const agreed = one.agreements.map(
        ({ first, second, dice, distance_mm }) =>
          `${first} and ${second}: Dice ${dice.toFixed(3)}, ${distance_mm === null ? "one is empty" : `${distance_mm.toFixed(2)} mm`}`,
      );
      const line = row("td", [one.case_id, verdicts.join("; "), agreed.join("; "), ""]);
      for (const [who, decision] of Object.entries(one.decisions)) {
        if (one.verdicts[who] === "flag") continue;
        const button = make("button", { textContent: who });
        button.addEventListener("click", async () => {
          await this.api.adopt(decision);
          line.remove();
          this.setPace();
        });
        line.lastChild.append(button, " ");
      }
      const go = make("button", { textContent: "look" });
      go.addEventListener("click", () => {
        element("conflicts").close();
        this.open(this.queue.cases.findIndex((item) => item.case_id === one.case_id));
      });
      line.lastChild.append(go);
      table.append(line);
    }
    showDialog("conflicts", "Cases that were read differently", table);
  }

  // ---- keys and messages

  key(event) {
    if (event.target.matches?.("input, textarea, select") || document.querySelector("dialog[open]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actionOf(event);
    if (!action || !this.case) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    this.act(action);
  }

  act(action) {
    if (typeof action === "number") {
      if (action < this.case.classes.length) this.choose(action);
      return undefined;
    }
    const regions = this.case.regions.length;
    const actions = {
      accept: () => this.decide("accept"),
      keep: () => this.decide("keep"),
      edit: () => this.decide("edit"),
      flag: () => this.decide("flag"),
      skip: () => this.decide("skip"),
      back: () => this.goBack(),
      next: () => regions && this.goToRegion((this.region % regions) + 1),
      previous: () => regions && this.goToRegion(((this.region + regions - 2) % regions) + 1),
      toggle: () => this.region && this.toggleRegion(this.region),
      brush: () => this.tool({ erasing: false, filled: false }),
      filled: () => this.tool({ erasing: false, filled: true }),
      eraser: () => this.tool({ erasing: true, filled: false }),
      pick: () => this.pick(),
      interpolate: () => this.interpolate().catch((error) => this.tell(error)),
      undo: () => this.undo("undo"),
      redo: () => this.undo("redo"),
      smaller: () => this.resize(-1),
      larger: () => this.resize(1),
      up: () => this.viewer.step(this.viewer.axis, 1),
      down: () => this.viewer.step(this.viewer.axis, -1),
      beside: () => this.sideBySide(),
      fill: () => this.cycleFill(),
      solid: () => this.viewer.setSolid(!this.viewer.solid),
      comment: () => element("comment").focus(),
      help: () => this.help(),
    };
    return actions[action]?.();
  }

  /** To the case that was open before; without one, to the one above in the list. */
  async goBack() {
    const above = this.queue.shown.filter((one) => one.number < this.case.number).at(-1)?.number;
    const before = this.trail.pop() ?? above;
    if (before !== undefined && (await this.open(before))) this.trail.pop(); // Not to and fro.
  }

  tool({ erasing, filled }) {
    const same = this.pen.on && this.pen.erasing === erasing && this.pen.filled === filled;
    Object.assign(this.pen, { on: !same, erasing, filled });
    this.setPen();
  }

  pick() {
    const [x, y, z] = this.viewer.place;
    const { shape } = this.case;
    const value = this.viewer.drawing[x + shape[0] * (y + shape[1] * z)];
    if (value) this.choose(value);
  }

  resize(by) {
    this.pen.size = Math.min(Math.max(this.pen.size + by, 1), 15);
    this.setPen();
  }

  cycleFill() {
    this.styles.now = this.styles.now === "fill" ? "outline" : "fill";
    this.fillLayers();
    this.drawLayers();
  }

  help() {
    const table = make("table", {});
    for (const [keys, words] of HELP) table.append(row("td", [keys, words]));
    showDialog("help", "Keys", table);
  }

  tell(error) {
    if (!(error instanceof ServerError)) throw error;
    this.say(error.message, error.status === 409);
  }

  say(message, reload = false) {
    const banner = element("banner");
    banner.replaceChildren(message);
    if (reload) {
      const button = make("button", { textContent: "Load it anew" });
      button.addEventListener("click", () => {
        this.unsaved = false;
        this.open(this.case.number);
      });
      banner.append(" ", button);
    }
    banner.hidden = false;
  }

  hush() {
    element("banner").hidden = true;
  }
}

/** The uncertainty, 255 where it is highest: a line around what is above half of that, or a warm map. */
function uncertainLayer(label, style) {
  if (style === "fill") return { label, style: "warm" };
  return { label, style, keep: (value) => value > 127, color: "#ffd27f", dash: [1, 2], width: 1 };
}

/** The center of what is drawn, else of the image. */
function middle({ drawing, shape }) {
  const sum = [0, 0, 0];
  let count = 0;
  let i = 0;
  for (let z = 0; z < shape[2]; z++) {
    for (let y = 0; y < shape[1]; y++) {
      for (let x = 0; x < shape[0]; x++) {
        if (!drawing[i++]) continue;
        sum[0] += x;
        sum[1] += y;
        sum[2] += z;
        count += 1;
      }
    }
  }
  return sum.map((total, axis) => Math.round(count ? total / count : shape[axis] / 2));
}

function number(value) {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}

function press(action, on) {
  document.querySelector(`[data-action="${action}"]`).setAttribute("aria-pressed", on);
}

function showDialog(id, title, content) {
  const dialog = element(id);
  const close = make("button", { textContent: "Close" });
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(make("h2", { textContent: title }), content, close);
  dialog.showModal();
}

function row(kind, cells) {
  const line = make("tr", {});
  line.append(...cells.map((textContent) => make(kind, { textContent })));
  return line;
}

const page = new Page(new URLSearchParams(window.location.search));
window.review = page; // For tests and for the curious.
page.start().catch((error) => {
  page.say(error.message);
  throw error;
});
