"""`report.html` of an audit: what seems wrong, how, where, and what can be trusted."""

import shlex
from pathlib import Path

from alcseg.audited import Audit
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.machine import commit, processor
from alcseg.records.audit import AuditRow
from alcseg.records.base import by_case
from alcseg.reporting.case_panel import CasePanel, Cases, anchor_of, draw_panel
from alcseg.reporting.fig_calibration import CAPTION, calibration_figure
from alcseg.reporting.html import Block, Commands, Facts, Picture, Section, Table, Text, write_report
from alcseg.reporting.noise_words import noise_of_audit
from alcseg.reporting.review_link import ReviewLink
from alcseg.views.audit import seen_case

__all__ = ["write_page"]

_PANELS = 200
_REGIONS = 100


def write_page(path: Path, audit: Audit) -> None:
    """Write the page of a finished audit."""
    shown = _doubted(audit)
    sections = [
        _found(audit),
        _readers(audit),
        _cases(audit, shown),
        _calibration(audit),
        _ranking(audit, shown),
        _regions(audit, shown),
        _trusted(audit),
        _making(audit),
    ]
    write_report(
        path,
        title="Which labels are wrong",
        lead=audit.record.verdict,
        sections=[section for section in sections if section is not None],
    )


def _doubted(audit: Audit) -> dict[str, tuple[AuditRow, ...]]:
    """Lines of the cases that have a panel: the worst of those that are not trusted."""
    trusted = set(audit.trusted)
    doubted = {name: rows for name, rows in by_case(audit.ranking).items() if name not in trusted}
    return dict(list(doubted.items())[:_PANELS])


def _found(audit: Audit) -> Section:
    record = audit.record
    parts: list[Block] = [
        Facts(
            [
                ("Labels judged", record.cases),
                ("Seem wrong", record.wrong),
                ("Can be trusted", len(record.trusted)),
                ("Cannot be judged", len(record.unsure) + len(record.failed)),
            ],
            large=True,
        ),
        *map(Text, noise_of_audit(audit)),
    ]
    groups = (
        (
            "What is predicted is unlike all other predictions: the networks may have lost the organ",
            record.unsure,
        ),
        ("Called hq in cases.csv, but seem wrong", record.doubted_hq),
        ("One and the same label map", [" and ".join(pair) for pair in record.duplicates]),
        ("Could not be read", [f"{name} ({why})" for name, why in record.failed.items()]),
    )
    parts += [Text(f"{words}: {', '.join(names)}.") for words, names in groups if names]
    return Section("What was found", parts)


def _readers(audit: Audit) -> Section | None:
    if not audit.record.raters:
        return None
    rows: list[list[str | int | float | None]] = [
        [one.rater, one.labels, one.wrong, one.wrong / one.labels, one.dice, one.dice_low, one.dice_high,
         one.kind.replace("_", " ")]
        for one in audit.record.raters
    ]  # fmt: skip
    headings = [
        "reader",
        "labels",
        "seem wrong",
        "share",
        "expected Dice",
        "from",
        "to",
        "most frequent kind",
    ]
    caption = (
        "Mean expected Dice with its 95 % interval over labels. Names with a + drew a consensus; of those "
        "who drew one, their own labels are judged as well, by the same predictions."
    )
    return Section("Who drew them", [Table(headings, rows, caption=caption, sortable=True)])


def _cases(audit: Audit, shown: dict[str, tuple[AuditRow, ...]]) -> Section | None:
    if not shown:
        return None
    dataset, link = Dataset.open(audit.record.dataset), ReviewLink(audit.path)
    panels = []
    for case_id in track(list(shown), "Drawing cases"):
        rows = shown[case_id]
        worst = min(rows, key=lambda row: row.dice)
        panel = CasePanel(
            case_id,
            heading=f"{worst.rank}.",
            badge="cannot be judged" if worst.unsure else worst.kind.replace("_", " "),
            facts=f"{worst.quality}, expected Dice {worst.dice:.2f} "
            f"({worst.dice_low:.2f} to {worst.dice_high:.2f})",
            words=[f"{row.words}." for row in rows],
            link=link.to(case_id),
        )
        seen = seen_case(audit, dataset, case_id)
        panels.append(draw_panel(panel, seen, dataset.label_values, dataset.label_names, other="predicted"))
    cases = Cases(
        panels,
        dashed="label as given",
        solid="prediction by a network that never saw the label"
        if audit.record.run is None
        else f"prediction by {audit.record.run}",
        tinted="the largest difference",
        tints=("only predicted", "only given", "another class"),
        command=link.command,
    )
    return Section("Labels to look at", [Text(_order(audit, len(shown))), cases])


def _order(audit: Audit, shown: int) -> str:
    doubted = audit.record.cases - len(audit.trusted)
    some = f"The worst {shown} of {doubted}" if shown < doubted else f"All {doubted}"
    return (
        f"{some} labels that are not trusted, the worst first, in three planes through the largest "
        "difference, in radiological view (the patient's right on your left)."
    )


def _calibration(audit: Audit) -> Section | None:
    points = audit.record.foretold
    if not points:
        return None
    return Section(
        "How far to believe it",
        [
            Picture(
                calibration_figure({"labels": points}),
                alt="Expected against true errors of simulated labels.",
                caption=CAPTION,
                plot=True,
            )
        ],
    )


def _ranking(audit: Audit, shown: dict[str, tuple[AuditRow, ...]]) -> Section:
    rows: list[list[str | int | float | None]] = [
        [row.rank, row.case_id, row.class_name, row.dice, row.dice_low, row.dice_high, row.surface_mm,
         row.kind.replace("_", " "), row.kind_probability, row.words]
        for row in audit.ranking
    ]  # fmt: skip
    headings = ["rank", "case", "class", "Dice", "from", "to", "surface (mm)", "kind", "probability"]
    headings += ["in words"]
    return Section(
        "All labels, the worst first",
        [
            Table(
                headings,
                rows,
                caption="Expected Dice of the given label with the right one, its 90 % interval, expected "
                "mean distance of the surfaces. Click a heading to sort.",
                sortable=True,
                links={case_id: f"#{anchor_of(case_id)}" for case_id in shown},
            )
        ],
    )


def _regions(audit: Audit, shown: dict[str, tuple[AuditRow, ...]]) -> Section:
    rows: list[list[str | int | float | None]] = [
        [row.case_id, row.class_name, row.what, row.mm3, "xyz"[row.axis], row.best_slice]
        for row in sorted(audit.regions, key=lambda row: -row.mm3)[:_REGIONS]
    ]
    return Section(
        "Where labels and predictions differ",
        [
            Table(
                ["case", "class", "what", "mm³", "axis", "best slice"],
                rows,
                caption=f"The largest {len(rows)} of {len(audit.regions)} regions; regions.csv has all, with "
                "their boxes. Slices are those of the file and count from 0.",
                sortable=True,
                links={case_id: f"#{anchor_of(case_id)}" for case_id in shown},
            )
        ],
    )


def _trusted(audit: Audit) -> Section:
    names = ", ".join(audit.trusted) or "none"
    dataset, audit_path = audit.record.dataset, str(audit.path)
    review = ReviewLink(audit.path).command
    correct = shlex.join(["alcseg", "correct", audit_path, dataset, "--oof", "--out", "CORRECTED"])
    train = shlex.join(["alcseg", "train", dataset, "--hq-from", audit_path, "--out", "RUN"])
    if audit.record.knows_little:
        what, commands = (
            "None, before longer trained networks say the same. Look at the labels yourself:",
            [review],
        )
    elif audit.record.run is None:
        what = "Look at the others, mend them by the networks that never saw them, or train with these:"
        commands = [review, correct, train]
    else:  # which may have learned the labels, so another has to mend them
        what = "Look at the others, or train with these, and mend the others by that run:"
        commands = [review, train, shlex.join(["alcseg", "correct", "RUN", dataset, "--out", "CORRECTED"])]
    return Section(
        "Labels that can be trusted", [Text(f"Best first: {names}."), Text(what), Commands(commands)]
    )


def _making(audit: Audit) -> Section:
    record = audit.record
    rounds = f"{len(record.rounds)} round(s), {record.repeats} repeat(s)"
    how = f"{record.folds} folds, {record.steps} steps, {rounds}"
    peak = record.peak_memory_mib
    return Section(
        "How it was made",
        [
            Facts(
                [
                    ("Dataset", record.dataset),
                    ("Judged by", record.run or f"{record.method}, {how}"),
                    ("Seed", record.seed),
                    ("Time", f"{record.time_s / 60:.0f} min"),
                    ("Memory", "-" if peak is None else f"{peak / 1024:.1f} GiB"),
                    ("Versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
                    ("Commit", commit()),
                    ("Machine", processor()),
                ]
            )
        ],
    )
