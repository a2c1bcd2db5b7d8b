"""`ranking.csv`: how wrong labels were and may still be, a line per case and class."""

import math
from typing import Annotated

from pydantic import Field

from alcseg.records.base import Decimals, Row

__all__ = ["RankingRow"]


class RankingRow(Row):
    """One class of one case; all lines of a case have its rank."""

    NAME = "ranking.csv"
    MADE_BY = "`alcseg correct`"

    rank: int
    """Place of the case by how wrong the given label seems; 1 is the worst."""
    written_rank: int = 0
    """Place by how wrong the written label may still be; 1 is the worst. 0 in older files."""
    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    given_error: Annotated[float, Decimals(4)] = math.nan
    """Expected error of the given label, 1 - Dice; nan where none was given, and in older files."""
    written_error: Annotated[float, Decimals(4)] = math.nan
    """Expected error of the written label; nan in older files."""
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
    in_sample: bool
    """Whether the run was trained on this case."""
    reason: str
    """What the two errors rest on, in words."""

    @property
    def label_given(self) -> bool:
        """Whether the case came with a label."""
        return math.isfinite(self.given_error) or self.agreement is not None
