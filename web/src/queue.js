// The list of cases: its filters, how far the reader is, and which case comes next.

import { element, make } from "./elements.js";

const WORDS = {
  open: "open", begun: "begun", skip: "skipped", accept: "accepted", keep: "kept as given", edit: "edited", flag: "flagged",
  broken: "cannot be read",
};
const UNDECIDED = ["open", "begun", "skip", "broken"];

export const stateInWords = (state) => WORDS[state] ?? state;

export class Queue {
  constructor(onOpen) {
    this.onOpen = onOpen;
    this.current = -1;
    for (const id of ["state", "quality", "kind", "class"]) {
      element(`filter-${id}`).addEventListener("change", () => this.draw());
    }
  }

  fill(told) {
    this.told = told;
    this.cases = told.cases;
    element("dataset").textContent = told.dataset || "ALCSeg review";
    options("filter-state", "any state", [["undecided", "undecided"], ...Object.entries(WORDS)]);
    options("filter-quality", "any quality", distinct(this.cases.map((one) => one.quality)));
    options("filter-kind", "any kind", distinct(this.cases.map((one) => one.kind)));
    const classes = new Set(this.cases.flatMap((one) => this.named(one)));
    options("filter-class", "any class", told.classes.filter((name) => classes.has(name)).map((name) => [name, name]));
    this.draw();
  }

  get shown() {
    const wanted = Object.fromEntries(
      ["state", "quality", "kind", "class"].map((id) => [id, element(`filter-${id}`).value]),
    );
    return this.cases.filter(
      (one) =>
        (!wanted.state || one.state === wanted.state || (wanted.state === "undecided" && UNDECIDED.includes(one.state))) &&
        (!wanted.quality || one.quality === wanted.quality) &&
        (!wanted.kind || one.kind === wanted.kind) &&
        (!wanted.class || this.named(one).includes(wanted.class)),
    );
  }

  /** The classes of which something was found; a sentence begins with the name, which may begin as another does. */
  named({ words }) {
    const longest = (names) => names.sort((one, other) => other.length - one.length)[0];
    const begins = (sentence) => (name) => sentence.startsWith(`${name}:`) || sentence.startsWith(`${name} `);
    return words.map((sentence) => longest(this.told.classes.filter(begins(sentence)))).filter(Boolean);
  }

  /** The next case that nobody has decided for this reader, after `number`; first those that were not skipped. */
  next(number) {
    const list = this.shown;
    const from = list.findIndex((one) => one.number > number);
    const round = from < 0 ? list : [...list.slice(from), ...list.slice(0, from)];
    const found =
      round.find((one) => ["open", "begun"].includes(one.state) && one.number !== number) ??
      round.find((one) => one.state === "skip" && one.number !== number);
    return found?.number;
  }

  /** Number of a case by its name. */
  find(name) {
    return this.cases.find((one) => one.case_id === name)?.number;
  }

  /** There is a draft of a case now. */
  begin(number) {
    if (this.cases[number].state === "open") this.setState(number, "begun");
  }

  /** How far the reader is, as the server tells it. */
  setPace(told) {
    this.told = told;
    const left = told.cases.length - told.decided;
    this.secondsPerCase = told.seconds_left === null || !left ? null : told.seconds_left / left;
    this.draw();
  }

  setState(number, state) {
    this.cases[number].state = state;
    this.draw();
  }

  draw() {
    const list = element("cases");
    list.replaceChildren(
      ...this.shown.map((one) => {
        const button = make("button", { className: one.number === this.current ? "current" : "" });
        button.dataset.number = one.number;
        const about = [
          one.error === null ? "" : `error ${one.error.toFixed(2)}`, one.kind.replaceAll("_", " "), one.quality,
          one.read_by.length ? `read by ${one.read_by.join(", ")}` : "",
        ];
        button.append(
          make("span", { className: "name", textContent: one.case_id, title: one.case_id }),
          make("span", { className: `state-${one.state}`, textContent: stateInWords(one.state) }),
          make("span", { className: "about", textContent: about.filter(Boolean).join(", ") }),
        );
        button.addEventListener("click", () => this.onOpen(one.number));
        const item = make("li", {});
        item.append(button);
        return item;
      }),
    );
    list.querySelector(".current")?.scrollIntoView({ block: "nearest" });
    const decided = this.cases.filter((one) => !UNDECIDED.includes(one.state)).length;
    const left = this.cases.length - decided;
    const minutes = this.secondsPerCase ? Math.ceil((left * this.secondsPerCase) / 60) : null;
    const rest = left === 0 ? "all decided" : minutes === null ? "" : `about ${minutes} min left`;
    element("progress").textContent = [`${decided} of ${this.cases.length}`, rest].filter(Boolean).join(", ");
    element("progress-bar").value = this.cases.length ? decided / this.cases.length : 0;
    const conflicts = element("show-conflicts");
    conflicts.hidden = !this.told.conflicts;
    conflicts.textContent = `${this.told.conflicts} conflicts`;
  }

  setCurrent(number) {
    this.current = number;
    this.draw();
  }
}

function distinct(values) {
  return [...new Set(values)].filter(Boolean).sort().map((value) => [value, value.replaceAll("_", " ")]);
}

function options(id, all, pairs) {
  const select = element(id);
  const chosen = select.value;
  select.replaceChildren(...[["", all], ...pairs].map(([value, textContent]) => make("option", { value, textContent })));
  select.value = [...select.options].some((one) => one.value === chosen) ? chosen : "";
  select.hidden = pairs.length < 2;
}
