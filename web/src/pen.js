// The pen: which tool, class and size, on the viewer and on the buttons.

import { element } from "./elements.js";

const LARGEST = 15;

export class Pen {
  constructor(viewer) {
    this.viewer = viewer;
    Object.assign(this, { on: false, value: 1, erasing: false, filled: false, size: 3 });
    element("size").addEventListener("input", (event) => this.change({ size: Number(event.target.value) }));
  }

  /** Take up a tool, or lay it down if it is in hand. */
  take({ erasing, filled }) {
    const same = this.on && this.erasing === erasing && this.filled === filled;
    this.change({ on: !same, erasing, filled });
  }

  choose(value) {
    this.change({ value, erasing: false, on: true });
  }

  resize(by) {
    this.change({ size: Math.min(Math.max(this.size + by, 1), LARGEST) });
  }

  /** Lay the tool down. */
  lay() {
    this.change({ on: false });
  }

  /** Begin a case of so many classes without a tool in hand: the first click there is to look. */
  begin(classes) {
    this.change({ on: false, value: Math.min(this.value, classes - 1) });
  }

  change(fields) {
    Object.assign(this, fields);
    const { on, value, erasing, filled, size } = this;
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
}

function press(action, on) {
  document.querySelector(`[data-action="${action}"]`).setAttribute("aria-pressed", on);
}
