"""What the terminal shows of readers, a line per reader and class."""

from collections.abc import Sequence

from alcseg.records.audit import AuditRater
from alcseg.records.raters import RaterRow

__all__ = ["RATER_COLUMNS", "judged_readers", "rater_lines"]

RATER_COLUMNS = {
    "rater": "reader",
    "class": "class",
    "cases": "cases",
    "bias": "bias (mm)",
    "dice": "Dice",
    "volume": "volume (%)",
    "stands_out": "stands out",
}
"""Keys of the lines to headings."""


def rater_lines(rows: Sequence[RaterRow]) -> list[dict[str, str]]:
    """Numbers with their intervals as text."""
    return [
        {
            "rater": row.rater,
            "class": row.class_name,
            "cases": str(row.cases),
            "bias": f"{row.bias_mm:+.2f} ({row.bias_low:+.2f} to {row.bias_high:+.2f})",
            "dice": f"{row.dice:.3f} ({row.dice_low:.3f} to {row.dice_high:.3f})",
            "volume": f"{row.volume_percent:+.1f}",
            "stands_out": "yes" if row.stands_out else "",
        }
        for row in rows
    ]


def judged_readers(found: Sequence[AuditRater]) -> dict[str, str]:
    """What an audit says of each reader, by name."""
    return {
        one.rater: f"{one.wrong} of {one.labels} seem wrong, expected Dice {one.dice:.3f} "
        f"({one.dice_low:.3f} to {one.dice_high:.3f})"
        + (f", most often {one.kind.replace('_', ' ')}" if one.kind != "none" else "")
        for one in found
    }
