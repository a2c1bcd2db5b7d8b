"""`report.html` of a correction: what was done to each label, and how far that is to be believed."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from alcseg.commands.progress import track
from alcseg.corrected import CorrectedCase, Correction
from alcseg.machine import commit, processor
from alcseg.records.audit_trail import AuditLine
from alcseg.reporting.case_panel import CasePanel, Cases, anchor_of, draw_panel, in_mm3
from alcseg.reporting.fig_calibration import CAPTION, calibration_figure
from alcseg.reporting.html import Block, Commands, Facts, Picture, Section, Table, Text, write_report
from alcseg.reporting.noise_words import noise_of_correction
from alcseg.reporting.review_link import ReviewLink
from alcseg.views.correction import seen_case

__all__ = ["PAGE", "write_page"]

PAGE = "report.html"
"""Name of the page in the corrected dataset."""

_PANELS = 200
_DONE = {
    "given": "label stays",
    "patched": "patched",
    "moved": "boundary moved",
    "posterior": "moved and weighed",
    "refined": "replaced",
    "pseudo_labeled": "pseudo label",
}
"""What was written, as a badge."""


def write_page(correction: Correction, out: Path) -> None:
    """Write the page into the folder of a correction.

    Args:
        correction: Where it lies now.
        out: Where it will lie, for the commands on the page.
    """
    link = ReviewLink(out)
    sections = [
        _done(correction),
        _cases(correction, link),
        _calibration(correction),
        _ranking(correction),
        _next(correction, link),
        _making(correction),
    ]
    write_report(
        correction.path / PAGE,
        title="What was corrected",
        lead=_lead(correction),
        sections=[section for section in sections if section is not None],
    )


def _lead(correction: Correction) -> str:
    written = correction.record.written
    stayed = written.get("given", 0)
    changed = sum(written.values()) - stayed
    pseudo = len(correction.pseudo_labeled)
    more = f" {pseudo} cases without a label got a pseudo label." if pseudo else ""
    doubted = changed + stayed
    return f"{changed} of {doubted} doubted labels were changed, {stayed} stay as they were given.{more}"


def _done(correction: Correction) -> Section:
    record = correction.record
    stayed = record.written.get("given", 0)
    facts = Facts(
        [
            ("Labels looked at", record.corrected),
            ("Changed", sum(record.written.values()) - stayed),
            ("Stay as given", stayed),
            ("Could not be looked at", len(correction.failed)),
        ],
        large=True,
    )
    parts: list[Block] = [facts, *map(Text, noise_of_correction(correction))]
    if record.rehearsal is None and record.poor is None:
        parts.append(
            Text(
                "There were no two trusted labels that the network had not learned from, so nothing tells "
                "what a change is worth."
            )
        )
    if record.untouched:
        parts.append(
            Text(f"Left as given, since no trusted label holds them: {', '.join(record.untouched)}.")
        )
    parts += [Text(f"Could not be looked at: {name} ({why}).") for name, why in correction.failed.items()]
    return Section("What was found", parts)


def _cases(correction: Correction, link: ReviewLink) -> Section | None:
    lines = {line.case_id: line for line in correction.audit}  # of several rounds the last
    names = list(correction.ranked)[:_PANELS]
    if not names:
        return None
    dataset = correction.dataset
    panels = []
    for case_id in track(names, "Drawing cases"):
        case = correction[case_id]
        panel = _panel(case, lines.get(case_id), link)
        panels.append(
            draw_panel(panel, seen_case(case, uncertainty=False), dataset.label_values, dataset.label_names)
        )
    some = f"The first {len(names)} of {len(correction)}" if len(names) < len(correction) else "All"
    order = (
        f"{some} labels that were looked at, the worst given one first, in three planes through the largest "
        "change, in radiological view (the patient's right on your left)."
    )
    return Section("Labels to look at", [Text(order), Cases(panels, command=link.command)])


def _panel(case: CorrectedCase, line: AuditLine | None, link: ReviewLink) -> CasePanel:
    rows = case.ranking
    given, written = (
        sum(values) / len(values)
        for values in zip(*((r.given_error, r.written_error) for r in rows), strict=True)
    )
    facts = f"expected Dice {1 - given:.2f} given, {1 - written:.2f} written" if given == given else ""
    words = [] if line is None else [f"{line.reason[:1].upper()}{line.reason[1:]}."]
    if any(row.changed_mm3 for row in rows):
        moved = (f"{row.class_name} {_signed(row.added_mm3, row.removed_mm3)}" for row in rows)
        words.append(f"Volumes: {', '.join(moved)}.")
    if any(row.in_sample for row in rows):
        words.append("The run was trained on this case: its label may seem better than it is.")
    return CasePanel(
        case.case_id,
        heading=f"{rows[0].rank}.",
        badge="" if line is None else _DONE.get(line.action, line.action),
        facts=facts,
        words=words,
        link=link.to(case.case_id),
    )


def _signed(added: float, removed: float) -> str:
    parts = [f"{sign}{in_mm3(volume)}" for sign, volume in (("+", added), ("−", removed)) if volume]
    return " ".join(parts) or "unchanged"


def _calibration(correction: Correction) -> Section | None:
    rehearsal = correction.record.rehearsal
    if rehearsal is None or not rehearsal.foretold_given:
        return None
    curves = {"as given": rehearsal.foretold_given, "as written": rehearsal.foretold_written}
    figure = calibration_figure({name: points for name, points in curves.items() if points})
    picture = Picture(
        figure, alt="Expected against true errors in the rehearsal.", caption=CAPTION, plot=True
    )
    return Section("How far to believe it", [picture])


def _ranking(correction: Correction) -> Section:
    headings = [
        "rank",
        "case",
        "class",
        "error given",
        "written",
        "rank written",
        "changed (mm³)",
        "shift (mm)",
    ]
    rows: list[list[str | int | float | None]] = [
        [row.rank, row.case_id, row.class_name, row.given_error, row.written_error, row.written_rank,
         round(row.changed_mm3), row.shift_mm]
        for row in correction.ranking
    ]  # fmt: skip
    shown = list(correction.ranked)[:_PANELS]
    table = Table(
        headings,
        rows,
        digits=2,
        caption="Expected errors, 1 - Dice, of the label as given and as written. Sorted by how wrong the "
        "given label seems; the rank by the written one tells what to review before training. ranking.csv "
        "has the reasons. Click a heading to sort.",
        sortable=True,
        links={case_id: f"#{anchor_of(case_id)}" for case_id in shown},
    )
    return Section("All labels, the worst first", [table])


def _next(correction: Correction, link: ReviewLink) -> Section:
    out = str(link.target)
    return Section(
        "Go on from here",
        [
            Text("Look, decide and mend in the browser; make a dataset of the decisions; train with it:"),
            Commands(
                [
                    link.command,
                    shlex.join(["alcseg", "review", out, "--apply", f"{out}-reviewed"]),
                    shlex.join(["alcseg", "train", f"{out}-reviewed", "--out", "RUN"]),
                ]
            ),
        ],
    )


def _making(correction: Correction) -> Section:
    record = correction.record
    peak = record.peak_memory_mib
    facts: Mapping[str, str | int | float | None] = {
        "Dataset": record.dataset,
        "Corrected by": f"{record.run} ({record.method})",
        "Each case by a network that never saw it": "yes" if record.out_of_fold else "no",
        "Changes allowed": record.how,
        "Risk": record.risk,
        "Passes": record.perturbation.passes,
        "Seed": record.perturbation.seed,
        "Time": f"{record.time_s / 60:.1f} min",
        "Memory": "-" if peak is None else f"{peak / 1024:.1f} GiB",
        "Versions": ", ".join(f"{name} {version}" for name, version in record.versions.items()),
        "Commit": commit(),
        "Machine": f"{processor()}, {os.cpu_count()} logical processors",
    }
    return Section("How it was made", [Facts(list(facts.items()))])
