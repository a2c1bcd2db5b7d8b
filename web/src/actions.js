// What each word of keys.js and each button with `data-action` does.

import { showHelp } from "./dialogs.js";
import { element } from "./elements.js";

/** Do what a key or a button asks for: a word, or the number of a class. */
export function act(page, action) {
  if (!page.case) return undefined;
  if (typeof action === "number") {
    if (action < page.case.classes.length) page.choose(action);
    return undefined;
  }
  return ACTIONS[action]?.(page);
}

const ACTIONS = {
  accept: (page) => page.decide("accept"),
  keep: (page) => page.decide("keep"),
  edit: (page) => page.decide("edit"),
  flag: (page) => page.decide("flag"),
  skip: (page) => page.decide("skip"),
  back: (page) => page.goBack(),
  next: (page) => page.stepRegion(1),
  previous: (page) => page.stepRegion(-1),
  toggle: (page) => page.region && page.toggleRegion(page.region),
  brush: ({ pen }) => pen.take({ erasing: false, filled: false }),
  filled: ({ pen }) => pen.take({ erasing: false, filled: true }),
  eraser: ({ pen }) => pen.take({ erasing: true, filled: false }),
  lay: ({ pen }) => pen.lay(),
  pick: (page) => page.pick(),
  interpolate: (page) => page.interpolate(),
  undo: ({ draft }) => draft.step("undo"),
  redo: ({ draft }) => draft.step("redo"),
  smaller: ({ pen }) => pen.resize(-1),
  larger: ({ pen }) => pen.resize(1),
  up: ({ viewer }) => viewer.step(viewer.axis, 1),
  down: ({ viewer }) => viewer.step(viewer.axis, -1),
  beside: (page) => page.sideBySide(),
  fill: ({ layers }) => layers.toggleFill(),
  solid: ({ viewer }) => viewer.setSolid(!viewer.solid),
  comment: () => element("comment").focus(),
  help: () => showHelp(),
};
