// Elements of the page: how they are found and made, the banner, and dialogs.

export function element(id) {
  return document.getElementById(id);
}

export function make(tag, fields) {
  return Object.assign(document.createElement(tag), fields);
}

/** A button that does something. */
export function button(fields, onClick) {
  const made = make("button", fields);
  made.addEventListener("click", onClick);
  return made;
}

export function row(kind, cells) {
  const line = make("tr", {});
  line.append(...cells.map((textContent) => make(kind, { textContent })));
  return line;
}

/** Say something above the planes; the last words may be a button. */
export function say(...words) {
  element("banner").replaceChildren(...words);
  element("banner").hidden = false;
}

export function hush() {
  element("banner").hidden = true;
}

export function showDialog(id, title, content) {
  const dialog = element(id);
  const close = button({ textContent: "Close" }, () => dialog.close());
  dialog.replaceChildren(make("h2", { textContent: title }), content, close);
  dialog.showModal();
}
