// The two dialogs: keys, and cases that were read differently.

import { button, element, make, row, showDialog } from "./elements.js";
import { HELP } from "./keys.js";
import { stateInWords } from "./queue.js";

export function showHelp() {
  const table = make("table", {});
  for (const [keys, words] of HELP) table.append(row("td", [keys, words]));
  showDialog("help", "Keys", table);
}

/** Conflicts as the server tells them; `adopt` settles one by a decision, `look` opens a case by its name. */
export function showConflicts(found, { adopt, look }) {
  const table = make("table", {});
  table.append(row("th", ["case", "readings", "agreement", "choose"]));
  for (const one of found) {
    const line = row("td", [one.case_id, readings(one), agreements(one), ""]);
    for (const [who, decision] of Object.entries(one.decisions)) {
      if (one.verdicts[who] === "flag") continue;
      const choose = async () => {
        await adopt(decision);
        line.remove();
      };
      line.lastChild.append(button({ textContent: who }, choose), " ");
    }
    const go = () => {
      element("conflicts").close();
      look(one.case_id);
    };
    line.lastChild.append(button({ textContent: "look" }, go));
    table.append(line);
  }
  showDialog("conflicts", "Cases that were read differently", table);
}

function readings({ verdicts }) {
  return Object.entries(verdicts).map(([who, what]) => `${who}: ${stateInWords(what)}`).join("; ");
}

function agreements({ agreements: all }) {
  const inWords = ({ first, second, dice, distance_mm }) => {
    const distance = distance_mm === null ? "one is empty" : `${distance_mm.toFixed(2)} mm`;
    return `${first} and ${second}: Dice ${dice.toFixed(3)}, ${distance}`;
  };
  return all.map(inWords).join("; ");
}
