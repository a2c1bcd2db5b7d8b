// Time on a case without pauses.

const IDLE_MS = 60_000; // Who does nothing for so long is away: the time is not counted.

export class Stopwatch {
  /** Begin, where so many seconds were spent before. */
  start(seconds) {
    this.spent = seconds * 1000;
    this.begun = document.hidden ? null : performance.now();
    this.moved = performance.now();
  }

  get seconds() {
    return (this.spent + (this.begun === null ? 0 : performance.now() - this.begun)) / 1000;
  }

  /** The page is out of sight. */
  rest() {
    if (this.begun !== null) this.spent += performance.now() - this.begun;
    this.begun = null;
  }

  /** Somebody does something. */
  alive() {
    const now = performance.now();
    if (this.begun !== null && now - this.moved > IDLE_MS) this.spent += this.moved + IDLE_MS - this.begun;
    if (this.begun === null || now - this.moved > IDLE_MS) this.begun = now;
    this.moved = now;
  }
}
