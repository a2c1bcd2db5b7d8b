// What the page listens to: keys, buttons, the pointer, and that it is hidden or left.

import { act } from "./actions.js";
import { element } from "./elements.js";
import { actionOf } from "./keys.js";

export function listen(page) {
  window.addEventListener("keydown", (event) => press(page, event), true);
  for (const kind of ["pointermove", "keydown", "wheel"]) {
    window.addEventListener(kind, () => page.clock.alive(), { passive: true });
  }
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      page.clock.rest();
      page.draft.save();
    } else page.clock.alive();
  });
  window.addEventListener("beforeunload", (event) => {
    if (page.draft.unsaved || page.kept.size) event.preventDefault();
  });
  document.body.addEventListener("click", (event) => {
    const action = event.target.closest?.("[data-action]")?.dataset.action;
    if (action) act(page, action);
  });
  element("view").addEventListener("pointerdown", (event) => {
    if (event.ctrlKey || event.metaKey) setTimeout(() => page.pick());
  });
  element("comment").addEventListener("input", () => page.case && page.draft.changed());
  for (const id of ["reader", "pass"]) {
    element(id).addEventListener("change", () => page.become(element("reader").value.trim(), Number(element("pass").value)));
  }
  element("show-conflicts").addEventListener("click", () => page.showConflicts());
}

function press(page, event) {
  if (event.target.matches?.("input, textarea, select") || document.querySelector("dialog[open]")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = actionOf(event);
  if (!action || !page.case) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  act(page, action);
}
