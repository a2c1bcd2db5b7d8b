// What a reader has done to the open case: the drawing with undo, regions taken or left, and that the server has it.

import { element } from "./elements.js";
import { History } from "./history.js";

const SAVE_AFTER_MS = 700;

export class Draft {
  /**
   * `onSaved` is told of a case that was saved with a drawing, `onTrouble` of an error, `onChange` of another drawing.
   */
  constructor(api, viewer, clock, { onSaved, onTrouble, onChange }) {
    Object.assign(this, { api, viewer, clock, onSaved, onTrouble, onChange });
    this.history = new History();
    this.unsaved = false;
    this.frozen = false; // While a decision is on its way, nothing else is sent.
  }

  /** Begin with a case as the server told it, or as it was kept after a decision did not arrive. */
  begin(found, unsaved) {
    this.case = found;
    this.accepted = { ...found.accepted };
    this.version = found.version;
    this.touched = found.has_drawing;
    this.unsaved = unsaved;
    this.clock.start(found.seconds);
    this.history.reset(found.drawing);
  }

  // ---- changes

  /** Take note of a stroke. */
  stroke() {
    if (this.history.record(this.viewer.drawing)) this.touch();
  }

  setDrawing(bytes) {
    this.viewer.setDrawing(bytes);
    this.stroke();
  }

  /** Take one region from the given label instead of the proposal, or the other way round. */
  toggleRegion(number) {
    const { regionMap, proposed, given } = this.case;
    const { drawing } = this.viewer;
    const take = this.accepted[number] === false;
    const source = take ? proposed : given;
    for (let i = 0; i < drawing.length; i++) if (regionMap[i] === number) drawing[i] = source[i];
    const before = this.accepted;
    this.accepted = { ...before, [number]: take };
    this.history.record(drawing, { before, after: this.accepted });
    this.touch();
  }

  /** One step back or forth: "undo" or "redo". */
  step(which) {
    const change = this.history[which](this.viewer.drawing);
    if (!change) return;
    if (change.regions) this.accepted = change.regions[which === "undo" ? "before" : "after"];
    this.touch();
  }

  touch() {
    this.touched = true;
    this.viewer.drawingChanged();
    this.onChange();
    this.changed();
  }

  /** Something else than the drawing, as the comment. */
  changed() {
    this.unsaved = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), SAVE_AFTER_MS);
  }

  // ---- on the way to the server

  /** What goes with a drawing. */
  note() {
    return {
      version: this.version,
      regions: this.accepted,
      comment: element("comment").value,
      seconds: Math.round(this.clock.seconds * 10) / 10,
    };
  }

  /** The drawing to be sent; null where it was never changed. */
  drawn() {
    return this.touched ? this.viewer.drawing.slice() : null;
  }

  /** Save no more: a decision follows, which holds everything. */
  async freeze() {
    this.frozen = true;
    clearTimeout(this.timer);
    await this.saving;
    this.unsaved = false;
  }

  /** Keep the draft, one after the other; false where the server does not have it then. */
  async save() {
    clearTimeout(this.timer);
    await this.saving;
    if (!this.unsaved || this.frozen) return true;
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
    const drawing = this.drawn();
    try {
      const { version } = await this.api.save(about.number, this.note(), drawing, about.grid);
      if (this.case === about) this.version = version;
    } catch (error) {
      this.unsaved = true;
      this.onTrouble(error);
      return false;
    }
    if (drawing) this.onSaved(about.number);
    return true;
  }
}
