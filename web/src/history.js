// Undo and redo of a drawing, as the voxels that changed. (The viewer's own undo is a ring: one step too many brings all
// strokes back.)

const MOST = 200;

export class History {
  constructor() {
    this.reset(new Uint8Array(0));
  }

  /** Begin anew from this drawing. */
  reset(drawing) {
    this.last = drawing.slice();
    this.done = [];
    this.undone = [];
  }

  /** Take note of what changed since; false if nothing did. */
  record(drawing, regions) {
    const where = [];
    for (let i = 0; i < drawing.length; i++) if (drawing[i] !== this.last[i]) where.push(i);
    if (!where.length && !regions) return false;
    const places = Uint32Array.from(where);
    this.done.push({
      places,
      before: Uint8Array.from(places, (i) => this.last[i]),
      after: Uint8Array.from(places, (i) => drawing[i]),
      regions,
    });
    if (this.done.length > MOST) this.done.shift();
    this.undone = [];
    this.last = drawing.slice();
    return true;
  }

  /** Take the last change back in `drawing`; the change, or undefined. */
  undo(drawing) {
    const change = this.done.pop();
    if (!change) return undefined;
    change.places.forEach((place, i) => (drawing[place] = change.before[i]));
    this.undone.push(change);
    this.last = drawing.slice();
    return change;
  }

  redo(drawing) {
    const change = this.undone.pop();
    if (!change) return undefined;
    change.places.forEach((place, i) => (drawing[place] = change.after[i]));
    this.done.push(change);
    this.last = drawing.slice();
    return change;
  }
}
