"""`pseudo_labels.csv`: pseudo-labels in the course of a training, a line per snapshot and patch."""

from typing import Annotated

from pydantic import Field

from alcseg.records.base import Row, Significant

__all__ = ["PseudoLabelRow"]

Dice = Annotated[float, Significant(6)]


class PseudoLabelRow(Row):
    """The labels of one LQ patch after one step, by their Dice against the clean label.

    A Dice is nan where neither label holds any foreground.
    """

    NAME = "pseudo_labels.csv"
    MADE_BY = "`alcseg benchmark`"

    step: int
    """After which the teacher was asked."""
    patch: int
    """Number of the patch, the same for every snapshot."""
    case_id: str
    """That the patch is of."""
    selected: int = Field(ge=0, le=1)
    """1 among the K least uncertain of its batch, else 0."""
    uncertainty: Annotated[float, Significant(6)]
    """Of the patch, by which it is selected."""
    given: Dice = Field(alias="dice_given")
    """Of the label that it came with."""
    generated: Dice = Field(alias="dice_generated")
    """Of one unperturbed pass of the teacher."""
    mean: Dice = Field(alias="dice_mean")
    """Of the plain average of its perturbed passes."""
    refined: Dice = Field(alias="dice_refined")
    """Of their weighted fusion."""
