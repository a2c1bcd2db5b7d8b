"""`report.html` of a comparison of readers, and the tables beside it."""

from pathlib import Path

from alcseg.commands._raters_compared import Compared
from alcseg.files import make_folder
from alcseg.records.raters import RaterCaseRow, RaterPairRow, RaterRow
from alcseg.reporting.fig_raters import rater_figure
from alcseg.reporting.html import Picture, Section, Table, Text, write_report

__all__ = ["write_comparison"]

_HOW = {
    "majority": "The consensus is the majority.",
    "staple": "The labels to train with were made by STAPLE; readers are compared with the majority.",
    "given": "The consensus is the label that came with the source.",
}
_LEFT_OUT = (
    "Where three or more readers drew a case, each is compared with the consensus of the others, so that "
    "nobody is compared with himself. Of two readers each is compared with what lies midway between both: "
    "the bias is half of what they differ by."
)
_PAIRS = (
    "A reader who draws too large makes the consensus of the others too large, too: those who are right then "
    "seem to draw too small. So a reader stands out who differs from each of the others to the same side."
)


def write_comparison(folder: Path, found: Compared, name: str) -> None:
    """Write the tables and `report.html` of a dataset of that name."""
    make_folder(folder)
    RaterRow.write(folder, found.raters)
    RaterPairRow.write(folder, found.pairs)
    RaterCaseRow.write(folder, found.cases)
    write_report(
        folder / "report.html",
        title=f"How the readers of {name} draw",
        lead=found.verdict,
        sections=[*_remarks(found), _readers(found), _pairs(found)],
    )


def _remarks(found: Compared) -> list[Section]:
    texts = [Text(f"{one[0].upper()}{one[1:]}.") for one in found.remarks]
    return [Section("Before you believe the numbers", texts)] if texts else []


def _readers(found: Compared) -> Section:
    rows: list[list[str | int | float | None]] = [
        [row.rater, row.class_name, row.cases, row.bias_mm, row.bias_low, row.bias_high, row.dice,
         row.dice_low, row.dice_high, row.assd_mm, row.volume_percent, row.missed, row.extra]
        for row in found.raters
    ]  # fmt: skip
    headings = ["reader", "class", "cases", "bias (mm)", "from", "to", "Dice", "from", "to", "ASSD (mm)"]
    headings += ["volume (%)", "missed", "extra"]
    alone = found.fusion != "given"
    return Section(
        "Each reader against the consensus",
        [
            Text(" ".join([_HOW.get(found.fusion, ""), _LEFT_OUT if alone else ""]).strip()),
            Picture(
                rater_figure(found.raters, found.cases),
                alt="Bias in mm and Dice of each reader, by class.",
                caption="Means with 95 % intervals over cases, and a dot per case. Who stands out is orange.",
                plot=True,
            ),
            Table(
                headings,
                rows,
                caption="Bias: mean signed distance of the surfaces, positive where the reader draws larger. "
                "Missed: cases in which only the consensus has the class; extra: only the reader. Intervals: "
                "95 % of the mean, bootstrap over cases.",
                strong_rows=[index for index, row in enumerate(found.raters) if row.stands_out],
                sortable=True,
            ),
        ],
    )


def _pairs(found: Compared) -> Section:
    rows: list[list[str | int | float | None]] = [
        [row.rater, row.other, row.class_name, row.cases, row.bias_mm, row.bias_low, row.bias_high, row.dice,
         row.assd_mm]
        for row in found.pairs
    ]  # fmt: skip
    headings = ["reader", "other", "class", "cases", "bias (mm)", "from", "to", "Dice", "ASSD (mm)"]
    caption = (
        "Bias is positive where the first reader draws larger than the other. rater_cases.csv has every case."
    )
    return Section(
        "Each reader against each", [Text(_PAIRS), Table(headings, rows, caption=caption, sortable=True)]
    )
