"""`offsets.csv`: how each given label was drawn, by the network's opinion, a line per case and class."""

from typing import Annotated

from pydantic import Field

from alcseg.records.audit_trail import Proposal
from alcseg.records.base import Decimals, Row

__all__ = ["OffsetRow"]


class OffsetRow(Row):
    """One class of one case."""

    NAME = "offsets.csv"
    MADE_BY = "`alcseg correct`"

    case_id: str
    """The case."""
    class_name: str = Field(alias="class")
    """Name of a foreground class."""
    drawn_mm: Annotated[float, Decimals(4)]
    """How far outside of the boundary the label was drawn: positive too large, 0 within a voxel; nan where
    label and prediction have nothing to do with each other."""
    shape_mm: Annotated[float, Decimals(4)]
    """By how much the drawn shape is off beside that; nan likewise."""
    agreement: Annotated[float, Decimals(4)]
    """Dice of the prediction and the label moved by it."""
    agreement_as_given: Annotated[float, Decimals(4)]
    """Dice with the label as given."""
    label: Proposal
    """What was written."""
