"""How many training cases `dataset.json` says there are, against those that are there."""

from pathlib import Path

__all__ = ["count_fault"]


def count_fault(stated: object, found: int, table: Path) -> str | None:
    """What is wrong with `numTraining`, and a remedy; None if nothing is, or if no number is stated."""
    if not isinstance(stated, int) or stated in (0, found):
        return None
    remedy = "Restore the missing files, or correct" if found < stated else "Correct"
    return f"{table}: numTraining says {stated} training cases, found {found}. {remedy} the number."
