// What is said of a case on the right: its name and words, its classes, its regions.

import { button, element, make } from "./elements.js";
import { colorOf } from "./lines.js";
import { stateInWords } from "./queue.js";

/** Fill in a case; `page` does what is clicked. */
export function fillCasePanel({ case_id, words, classes, regions, verdict, comment }, page) {
  element("case-id").textContent = case_id;
  sayVerdict(verdict);
  element("words").replaceChildren(...words.map((text) => make("li", { textContent: text })));
  element("comment").value = comment;
  element("classes").replaceChildren(...classes.slice(1).map((name, index) => classButton(index + 1, name, page)));
  element("regions").replaceChildren(...regions.map((one) => regionItem(one, classes, page)));
}

export function sayVerdict(verdict) {
  element("verdict").textContent = verdict ? `Decided: ${stateInWords(verdict)}` : "";
}

/** Show which region is looked at, and which ones are taken from the given label. */
export function markRegions(current, accepted) {
  for (const item of element("regions").children) {
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
  const what = region.scattered ? `${region.voxels} scattered voxels` : `${region.kind}: ${names}`;
  const go = button({ className: "go" }, () => page.goToRegion(region.number));
  go.append(`${what} `, make("small", { textContent: `${inWords(region.mm3)} mm³, slice ${region.place[2] + 1}` }));
  const title = "take the change, or leave it";
  const take = button({ className: "take", title }, () => page.toggleRegion(region.number));
  const item = make("li", {});
  item.dataset.region = region.number;
  item.append(go, take);
  return item;
}

function inWords(value) {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}
