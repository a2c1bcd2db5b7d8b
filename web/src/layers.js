// What is shown above the image, and how: the list of layers on the right and what `Lines` draws of a case.

import { element, make } from "./elements.js";

const STYLES = ["outline", "fill", "off"];
const ROWS = [
  ["given", "given label", "dashed"],
  ["now", "label now", "solid"],
  ["proposed", "proposal", "dotted"],
  ["uncertainty", "uncertainty", "solid"],
];

export class Layers {
  constructor(onChange) {
    this.onChange = onChange;
    this.styles = { given: "outline", now: "outline", proposed: "off", uncertainty: "outline" };
    element("opacity").addEventListener("input", onChange);
  }

  get opacity() {
    return Number(element("opacity").value);
  }

  /** List the layers that a case has. */
  fill({ has_proposal, has_uncertainty }) {
    const there = { given: true, now: true, proposed: has_proposal, uncertainty: has_uncertainty };
    element("layers").replaceChildren(...ROWS.filter(([id]) => there[id]).map((one) => this.line(...one)));
  }

  line(id, words, stroke) {
    const line = make("div", {});
    const swatch = make("span", { className: "swatch" });
    swatch.style.borderTopStyle = stroke;
    const select = make("select", { id: `layer-${id}` });
    select.setAttribute("aria-label", words);
    select.append(...STYLES.map((value) => make("option", { value, textContent: value })));
    select.value = this.styles[id];
    select.addEventListener("change", () => {
      this.styles[id] = select.value;
      this.onChange();
    });
    line.append(swatch, make("span", { textContent: words }), select);
    return line;
  }

  /** The label as it is now filled, or outlined again. */
  toggleFill() {
    this.styles.now = this.styles.now === "fill" ? "outline" : "fill";
    const select = element("layer-now");
    if (select) select.value = this.styles.now;
    this.onChange();
  }

  /** Of the view that is worked in. */
  now({ given, proposed, uncertainty, regionMap }, region) {
    const { styles } = this;
    return [
      { label: given, style: styles.given, dash: [5, 4], width: 1.4 },
      { label: proposed, style: styles.proposed, dash: [1, 3], width: 1.6 },
      { label: "drawing", style: styles.now, width: 1.8 },
      ...this.marks(uncertainty, regionMap, region),
    ];
  }

  /** Of the given label side by side. */
  given({ given, uncertainty, regionMap }, region) {
    return [{ label: given, style: "outline", width: 1.8 }, ...this.marks(uncertainty, regionMap, region)];
  }

  /** What leads the eye: where the network was unsure (255 where most), and the region in question. */
  marks(uncertainty, regionMap, region) {
    const style = this.styles.uncertainty;
    const unsure = { label: uncertainty, keep: (value) => value > 127, color: "#ffd27f", dash: [1, 2], width: 1 };
    const here = { label: regionMap, keep: (value) => value === region, color: "#ffffff", dash: [2, 2], width: 1 };
    return [
      style === "fill" ? { label: uncertainty, style: "warm" } : { ...unsure, style },
      { ...here, style: region ? "outline" : "off" },
    ];
  }
}
