// A decision on the open case, and what becomes of it where it does not reach the server.

import { STALE } from "./api.js";
import { sayVerdict } from "./case_panel.js";
import { say } from "./elements.js";

/** Send a decision and go on; the next case is shown while the server still writes. */
export async function decide(page, verdict) {
  const { draft, queue } = page;
  if (draft.frozen || !page.case) return;
  await draft.freeze();
  const about = page.case;
  const [note, drawing] = [draft.note(), draft.drawn()];
  const sent = page.api.decide(about.number, verdict, note, verdict === "keep" ? null : drawing, about.grid);
  sent.catch(() => {}); // It is told below, once the next case is there.
  const before = queue.cases[about.number].state;
  queue.cases[about.number].state = verdict;
  try {
    const gone = await page.openNext(about.number);
    const told = await sent;
    queue.setState(about.number, told.verdict);
    if (!gone) {
      draft.version = told.version;
      sayVerdict(told.verdict);
    }
    if (gone === false) {
      say("That was the last one. Ctrl-C in the terminal ends, then `alcseg review ... --apply NEW`.");
    }
    await page.setPace();
  } catch (error) {
    queue.setState(about.number, before);
    if (error.status !== STALE) {
      const { regions: accepted, comment, version, seconds } = note;
      const work = { accepted, comment, version, seconds, has_drawing: drawing !== null };
      page.kept.set(about.number, { ...about, ...work, drawing: drawing ?? about.drawing });
    }
    draft.frozen = false;
    await page.open(about.number);
    page.tell(error);
  } finally {
    draft.frozen = false;
  }
}
