// The page: one case at a time, how one comes to it and leaves it. What is done to a case stands in draft.js.

import { Api, STALE, ServerError } from "./api.js";
import { fillCasePanel, markRegions } from "./case_panel.js";
import { decide } from "./decide.js";
import { showConflicts } from "./dialogs.js";
import { Draft } from "./draft.js";
import { button, element, hush, say } from "./elements.js";
import { Layers } from "./layers.js";
import { listen } from "./listen.js";
import { middle } from "./middle.js";
import { Pen } from "./pen.js";
import { Queue } from "./queue.js";
import { Stopwatch } from "./stopwatch.js";
import { Viewer, readImage } from "./viewer.js";

const BROKEN = 422; // The status of what the server cannot read.

export class Page {
  constructor(address) {
    this.address = address;
    const known = (name) => address.get(name) || window.localStorage.getItem(name); // A link of a report names nobody.
    this.api = new Api(known("reader") || "reader", Number(known("pass") || 1));
    this.queue = new Queue((number) => this.open(number));
    this.viewer = new Viewer(element("view"));
    this.pen = new Pen(this.viewer);
    this.layers = new Layers(() => this.drawLayers());
    this.clock = new Stopwatch();
    this.draft = new Draft(this.api, this.viewer, this.clock, {
      onSaved: (number) => this.queue.begin(number),
      onTrouble: (error) => this.tell(error),
      onChange: () => markRegions(this.region, this.draft.accepted),
    });
    this.ahead = new Map();
    this.kept = new Map(); // Cases whose decision did not reach the server, as the reader left them.
    this.trail = []; // Cases that were open before this one.
  }

  get case() {
    return this.draft.case;
  }

  // ---- from the address to the first case

  async start() {
    element("reader").value = this.api.reader;
    element("pass").value = this.api.pass;
    await this.viewer.attach();
    this.viewer.onStroke = () => this.pen.on && this.draft.stroke();
    this.viewer.onMove = (place) => (element("where").textContent = place.map((at) => at + 1).join(" "));
    listen(this);
    this.queue.fill(await this.api.queue());
    window.localStorage.setItem("reader", this.api.reader);
    window.localStorage.setItem("pass", this.api.pass);
    this.setPace();
    const wanted = this.queue.find(this.address.get("case"));
    const first = wanted ?? this.queue.next(-1) ?? 0;
    if (!this.queue.cases.length) return say("There is nothing to review: no case has a label.");
    const shown = await this.open(first, Number(this.address.get("region")) || 1);
    if (!shown) await this.openNext(first);
    const [asked, of] = [this.address.get("case"), this.address.get("of")];
    const running = this.queue.told.review;
    if (of && of !== running) say(`The link was to the review of ${of}, but that of ${running} is running here.`);
    else if (asked && wanted === undefined) say(`${asked} is no case of this review.`);
    return undefined;
  }

  /** Read on as somebody else, or for another time. */
  async become(reader, pass) {
    if (!(await this.draft.save())) return;
    const address = new URLSearchParams({ reader: reader || "reader", pass: Math.min(99, Math.max(1, pass || 1)) });
    window.location.search = address;
  }

  // ---- from case to case

  /** Show a case. False where it cannot be, or the one before cannot be saved; the banner says why. */
  async open(number, region = 1) {
    if (!(await this.draft.save())) return false;
    this.queue.setCurrent(number);
    this.opening = number;
    let found;
    try {
      found = await (this.kept.get(number) ?? this.ahead.get(number) ?? this.load(number));
    } catch (error) {
      say(`${this.queue.cases[number].case_id}: ${error.message}`);
      if (error.status === BROKEN) this.queue.setState(number, "broken");
      if (this.case && this.opening === number) this.queue.setCurrent(this.case.number);
      return false;
    } finally {
      this.ahead.delete(number);
    }
    if (this.opening !== number) return true;
    if (this.case && this.case.number !== number) this.trail.push(this.case.number);
    this.show(found, region);
    document.title = `${found.case_id}, ALCSeg review`;
    const address = new URLSearchParams({ reader: this.api.reader, pass: this.api.pass, case: found.case_id });
    window.history.replaceState(null, "", `?${address}`);
    document.body.dataset.case = found.case_id;
    this.loadAhead();
    return true;
  }

  show(found, region) {
    hush();
    this.viewer.show(found);
    this.other?.show({ ...found, drawing: found.given });
    this.draft.begin(found, this.kept.delete(found.number));
    this.draft.frozen = false;
    this.region = 0;
    fillCasePanel(found, this);
    this.layers.fill(found);
    this.pen.begin(found.classes.length);
    if (found.regions.length) this.goToRegion(Math.min(region, found.regions.length));
    else {
      markRegions(0, this.draft.accepted);
      this.viewer.goTo(middle(found));
      this.drawLayers();
    }
    this.viewer.settle();
    this.other?.settle();
  }

  /** Everything of a case, its image read. */
  async load(number) {
    const found = await this.api.load(number);
    return { ...found, volume: await readImage(found) };
  }

  loadAhead() {
    const next = this.queue.next(this.case.number);
    this.ahead = new Map([...this.ahead].filter(([number]) => number === next));
    if (next === undefined || this.ahead.has(next)) return;
    const coming = this.load(next);
    coming.catch(() => this.ahead.delete(next)); // It is asked for again, and told, when it is opened.
    this.ahead.set(next, coming);
  }

  /** Go on to the next undecided case, past those that cannot be read; false where there is none, undefined in trouble. */
  async openNext(number) {
    const passed = [];
    for (;;) {
      const next = this.queue.next(number);
      if (next === undefined) return false;
      if (await this.open(next)) {
        if (passed.length) say(`Passed over: ${passed.join(" ")}`);
        return true;
      }
      if (this.queue.cases[next].state !== "broken") return undefined;
      passed.push(element("banner").textContent);
    }
  }

  /** To the case that was open before; without one, to the one above in the list. */
  async goBack() {
    const above = this.queue.shown.filter((one) => one.number < this.case.number).at(-1)?.number;
    const before = this.trail.pop() ?? above;
    if (before !== undefined && (await this.open(before))) this.trail.pop(); // Not to and fro.
  }

  decide(verdict) {
    return decide(this, verdict);
  }

  async setPace() {
    this.queue.setPace(await this.api.queue());
  }

  async showConflicts() {
    showConflicts(await this.api.conflicts(), {
      adopt: async (decision) => {
        await this.api.adopt(decision);
        this.setPace();
      },
      look: (name) => this.open(this.queue.find(name)),
    });
  }

  // ---- within a case

  goToRegion(number) {
    this.region = number;
    this.viewer.goTo(this.case.regions[number - 1].place);
    markRegions(number, this.draft.accepted);
    this.drawLayers();
  }

  /** To the region after or before, round and round. */
  stepRegion(by) {
    const count = this.case.regions.length;
    if (count) this.goToRegion(((this.region - 1 + by + count) % count) + 1);
  }

  toggleRegion(number) {
    this.draft.toggleRegion(number);
  }

  drawLayers() {
    this.viewer.setLayers(this.layers.now(this.case, this.region));
    this.other?.setLayers(this.layers.given(this.case, this.region));
    for (const view of [this.viewer, this.other]) view?.setFillOpacity(this.layers.opacity);
  }

  async sideBySide() {
    const figure = element("given-view");
    figure.hidden = !figure.hidden;
    element("view-caption").textContent = figure.hidden ? "" : "now";
    if (!figure.hidden && !this.other) {
      const other = new Viewer(figure);
      await other.attach();
      other.show({ ...this.case, drawing: this.case.given });
      this.other = other;
      this.viewer.linkWith(other);
    }
    this.drawLayers();
    this.viewer.goTo(this.viewer.place);
  }

  choose(value) {
    this.pen.choose(value);
  }

  /** Go on with the class under the crosshair. */
  pick() {
    const [x, y, z] = this.viewer.place;
    const { shape } = this.case;
    const value = this.viewer.drawing[x + shape[0] * (y + shape[1] * z)];
    if (value) this.choose(value);
  }

  async interpolate() {
    const about = this.case;
    try {
      const { drawing, axis } = this.viewer;
      const filled = await this.api.interpolate(about.number, drawing, this.pen.value, axis, about.grid);
      if (this.case === about) this.draft.setDrawing(filled);
    } catch (error) {
      this.tell(error);
    }
  }

  // ---- trouble

  tell(error) {
    if (!(error instanceof ServerError)) throw error;
    if (error.status !== STALE) return say(error.message);
    const reload = () => {
      this.draft.unsaved = false;
      this.open(this.case.number);
    };
    return say(error.message, " ", button({ textContent: "Load it anew" }, reload));
  }
}
