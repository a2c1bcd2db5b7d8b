"""`ranking.csv`: which corrected labels to look at first, a line per case and class."""

from typing import Annotated

from pydantic import Field

from alcseg.records.base import Decimals, Row

__all__ = ["RankingRow"]


class RankingRow(Row):
    """One class of one case; all lines of a case have its rank."""

    NAME = "ranking.csv"
    MADE_BY = "`alcseg correct`"

    rank: int
    """Place of the case, 1 is the most doubtful."""
    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    uncertainty: Annotated[float, Decimals(6)]
    """Mean u within 3 voxels of the refined class, nats; nan if the class is empty there."""
    agreement: Annotated[float | None, Decimals(4)] = None
    """Dice of given and refined class; None where no label was given or both are empty."""
    changed_mm3: Annotated[float, Decimals(3)]
    """Volume that entered or left the class."""
    added_mm3: Annotated[float, Decimals(3)]
    """Volume that the written label holds and the given one does not."""
    removed_mm3: Annotated[float, Decimals(3)]
    """The reverse."""
    shift_mm: Annotated[float, Decimals(4)]
    """Signed mean distance of given and refined surface, positive where the given label is too large."""
    score: Annotated[float, Decimals(4)]
    """Expected error in [0, 1], by which the cases are ordered."""
    in_sample: bool
    """Whether the run was trained on this case."""
    reason: str
    """What the score rests on, in words."""
