"""`per_case.csv`: one score per case, class and metric."""

from typing import Literal

from pydantic import Field

from alcseg.records.base import Row

__all__ = ["ScoreRow", "Status"]

Status = Literal["ok", "missed", "spurious", "both_empty", "not_drawn"]


class ScoreRow(Row):
    """One score; a class that only one of the two label maps holds has the metric's worst value."""

    NAME = "per_case.csv"
    MADE_BY = "`alcseg evaluate`"

    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of the class, or its label value where no dataset names it."""
    metric: str
    """As `alcseg.metrics.METRICS` calls it."""
    value: float
    """The score; nan where both label maps lack the class, or nobody drew it in the case."""
    unit: str
    """`fraction`, `mm`, `voxel`, or what the metric states."""
    status: Status
    """`ok`, or which of the two lacks the class: `missed` the prediction, `spurious` the reference;
    `not_drawn` where nobody drew it in the case.
    """
