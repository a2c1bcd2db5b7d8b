"""What `alcseg raters` writes: how each reader draws, how pairs of them agree, and every case behind it."""

from typing import Annotated, ClassVar

from pydantic import Field

from alcseg.records.base import Decimals, Row

__all__ = ["COMPARISON", "RaterCaseRow", "RaterPairRow", "RaterRow"]

COMPARISON = "raters"
"""Folder of the three tables in a dataset, where `import` leaves them."""

_MADE_BY = "`alcseg import` and `alcseg raters`"


class RaterRow(Row):
    """One class as one reader draws it, against the consensus; intervals are of the mean over cases, 95 %."""

    NAME: ClassVar[str] = "raters.csv"
    MADE_BY: ClassVar[str] = _MADE_BY

    rater: str
    """The reader."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    cases: int
    """Cases in which the reader or the consensus has the class."""
    left_out: int
    """Those of them in which the reader is left out of the consensus: three or more had drawn the case."""
    dice: Annotated[float, Decimals(4)]
    """Mean Dice; 0 where only one of the two has the class."""
    dice_low: Annotated[float, Decimals(4)]
    """Lower end of its interval."""
    dice_high: Annotated[float, Decimals(4)]
    """Upper end."""
    bias_mm: Annotated[float, Decimals(3)]
    """Mean signed distance of the two surfaces; positive where the reader draws larger than the consensus."""
    bias_low: Annotated[float, Decimals(3)]
    """Lower end of its interval."""
    bias_high: Annotated[float, Decimals(3)]
    """Upper end."""
    assd_mm: Annotated[float, Decimals(3)]
    """Average symmetric surface distance."""
    assd_low: Annotated[float, Decimals(3)]
    """Lower end of its interval."""
    assd_high: Annotated[float, Decimals(3)]
    """Upper end."""
    volume_percent: Annotated[float, Decimals(2)]
    """Volume against the consensus, in percent more; negative where it is less."""
    volume_low: Annotated[float, Decimals(2)]
    """Lower end of its interval."""
    volume_high: Annotated[float, Decimals(2)]
    """Upper end."""
    missed: int
    """Cases in which only the consensus has the class; they count in Dice and volume alone."""
    extra: int
    """Cases in which only the reader has it; they count in Dice alone."""
    stands_out: bool
    """Whether the reader draws larger than each of at least two others, or smaller than each."""
    words: str
    """The line in a sentence."""


class RaterPairRow(Row):
    """One class as two readers draw it in the cases that both have drawn."""

    NAME: ClassVar[str] = "rater_pairs.csv"
    MADE_BY: ClassVar[str] = _MADE_BY

    rater: str
    """The reader."""
    other: str
    """Another one."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    cases: int
    """Cases in which either has the class."""
    dice: Annotated[float, Decimals(4)]
    """Mean Dice."""
    dice_low: Annotated[float, Decimals(4)]
    """Lower end of its interval."""
    dice_high: Annotated[float, Decimals(4)]
    """Upper end."""
    bias_mm: Annotated[float, Decimals(3)]
    """Mean signed distance of the two surfaces; positive where the first reader draws larger."""
    bias_low: Annotated[float, Decimals(3)]
    """Lower end of its interval."""
    bias_high: Annotated[float, Decimals(3)]
    """Upper end."""
    assd_mm: Annotated[float, Decimals(3)]
    """Average symmetric surface distance."""


class RaterCaseRow(Row):
    """One class of one case as one reader drew it, against the consensus; empty where one lacks the class."""

    NAME: ClassVar[str] = "rater_cases.csv"
    MADE_BY: ClassVar[str] = _MADE_BY

    case_id: str
    """The case."""
    rater: str
    """The reader."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    dice: Annotated[float, Decimals(4)]
    """Dice."""
    bias_mm: Annotated[float, Decimals(3)]
    """Mean signed distance of the two surfaces; positive where the reader draws larger."""
    assd_mm: Annotated[float, Decimals(3)]
    """Average symmetric surface distance."""
    volume_percent: Annotated[float, Decimals(2)]
    """Volume against the consensus, in percent more."""
    left_out: bool
    """Whether the reader is left out of the consensus."""
