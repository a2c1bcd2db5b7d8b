// Which key does what; the left hand decides, the right one keeps the mouse.

const KEYS = {
  a: "accept", d: "keep", t: "edit", f: "flag", s: "skip", w: "back",
  n: "next", p: "previous", x: "toggle", " ": "next",
  e: "brush", r: "eraser", q: "filled", g: "pick", i: "interpolate",
  z: "undo", y: "redo", "[": "smaller", "]": "larger", ",": "smaller", ".": "larger",
  Escape: "lay", ArrowUp: "up", ArrowDown: "down", v: "beside", m: "solid", o: "fill", c: "comment", h: "help", "?": "help",
};

export const HELP = [
  ["a", "accept what you see and go on"],
  ["d", "keep the given label and go on"],
  ["t", "save your edit and go on"],
  ["f", "flag: somebody has to look"],
  ["s", "skip: come back later"],
  ["w", "back to the case before"],
  ["n, space / p", "next / previous region"],
  ["x", "take this region from the given label, or from the proposal again"],
  ["e / q / r", "brush / filled outline / eraser; again or Escape: off"],
  ["1 to 9", "class"],
  ["g, Ctrl-click", "pick the class under the crosshair"],
  ["i", "fill in between drawn slices, across the plane clicked last"],
  ["z / y", "undo / redo"],
  ["[ / ]", "smaller / larger brush"],
  ["↑ / ↓, wheel", "slices"],
  ["o", "fill or outline"],
  ["v", "given label side by side"],
  ["m", "3D; off at first where there is no graphics card"],
  ["c", "comment; Escape leaves it"],
  ["right button, drag", "brightness and contrast"],
];

/** What a key asks for: a word, the number of a class, or nothing. */
export function actionOf(event) {
  if (/^[1-9]$/.test(event.key)) return Number(event.key);
  if (event.key === "Z") return "redo";
  return KEYS[event.key];
}
