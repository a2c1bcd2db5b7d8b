"""`report.html` of an audit: what seems wrong, how, where, and what can be trusted."""

from pathlib import Path

from alcseg.audited import Audit
from alcseg.machine import commit, processor
from alcseg.reporting.html import Facts, Picture, Section, Table, Text, write_report
from alcseg.views.audit import figure

__all__ = ["write_page"]

_PICTURED = 12
_REGIONS = 100


def write_page(path: Path, audit: Audit) -> None:
    """Write the page of a finished audit."""
    record = audit.record
    write_report(
        path,
        title="Which labels are wrong",
        lead=record.verdict,
        sections=[_found(audit), _ranking(audit), _regions(audit), _trusted(audit), _making(audit)],
    )


def _found(audit: Audit) -> Section:
    record = audit.record
    parts: list[Facts | Picture | Text] = [
        Facts(
            [
                ("Labels judged", record.cases),
                ("Seem wrong", record.wrong),
                ("Can be trusted", len(record.trusted)),
                ("Cannot be judged", len(record.unsure) + len(record.failed)),
            ],
            large=True,
        ),
        Picture(
            figure(audit, _PICTURED),
            alt="The worst labels over their images, beside what networks predict that never saw them.",
            caption="The worst labels, each in the slice where it differs most from the prediction.",
        ),
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


def _ranking(audit: Audit) -> Section:
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
            )
        ],
    )


def _regions(audit: Audit) -> Section:
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
                "their boxes. Slices count from 0.",
                sortable=True,
            )
        ],
    )


def _trusted(audit: Audit) -> Section:
    names = ", ".join(audit.trusted) or "none"
    return Section(
        "Labels that can be trusted",
        [
            Text(f"Best first: {names}."),
            Text(
                "alcseg train DATASET --hq-from AUDIT takes these for HQ; alcseg correct AUDIT DATASET --oof "
                "mends the others by the networks that never saw them.",
                note=True,
            ),
        ],
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
