// What is said of a case on the right: its name and words, its classes, its regions.

import { button, element, make } from "./elements.js";
import { colorOf } from "./lines.js";
import { stateInWords } from "./queue.js";

/** Fill in a case; `page` does what is clicked. */
export function fillCasePanel(about, page) {
  const { case_id, words, classes, regions, has_proposal, verdict, comment } = about;
  element("case-id").textContent = case_id;
  sayVerdict(verdict);
  element("words").replaceChildren(...words.map((text) => make("li", { textContent: text })));
  element("comment").value = comment;
  element("classes").replaceChildren(...classes.slice(1).map((name, index) => classButton(index + 1, name, page)));
  const items = regions.map((one) => regionItem(one, classes, page));
  const none = has_proposal ? "Nowhere: the given label is proposed." : "There is no proposal.";
  element("regions").replaceChildren(...(items.length ? items : [make("li", { className: "none", textContent: none })]));
}

export function sayVerdict(verdict) {
  element("verdict").textContent = verdict ? `Decided: ${stateInWords(verdict)}` : "";
}

/** Show which region is looked at, and which ones are taken from the given label. */
export function markRegions(current, accepted) {
  for (const item of element("regions").querySelectorAll("[data-region]")) {
    const number = item.dataset.region;
    const rejected = accepted[number] === false;
    item.classList.toggle("rejected", rejected);
    item.classList.toggle("current", Number(number) === current);
    item.querySelector(".take").textContent = rejected ? "given" : "taken";
  }
  element("regions").querySelector(".current")?.scrollIntoView({ block: "nearest" });
}

function classButton(value, name, page) {
  const made = button({ textContent: `${value} ${name}` }, () => page.choose(value));
  made.style.borderLeft = `4px solid ${colorOf(value)}`;
  made.dataset.class = value;
  return made;
}

function regionItem(region, classes, page) {
  const names = region.classes.map((value) => classes[value]).join(" and ");
  const what = region.scattered ? scattered(region.voxels) : `${region.kind}: ${names}`;
  const go = button({ className: "go" }, () => page.goToRegion(region.number));
  go.append(`${what} `, make("small", { textContent: `${inWords(region.mm3)} mm³, slice ${region.place[2] + 1}` }));
  const title = "take the change, or leave it";
  const take = button({ className: "take", title }, () => page.toggleRegion(region.number));
  const item = make("li", {});
  item.dataset.region = region.number;
  item.append(go, take);
  return item;
}

function scattered(voxels) {
  return voxels === 1 ? "1 single voxel" : `${voxels} scattered voxels`;
}

function inWords(value) {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}
