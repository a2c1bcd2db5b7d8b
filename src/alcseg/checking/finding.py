"""One thing to know about a dataset."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Grade"]

Grade = Literal["ok", "repairable", "fatal"]


@dataclass(frozen=True)
class Finding:
    """One thing to know about a dataset.

    Attributes:
        grade: `fatal`, `repairable`, or `ok` for a note.
        case_id: The case, or empty if it concerns the whole dataset.
        message: What was expected, what came, what to do.
        kind: What the statistics of a set speak of: `absent`, `volume`, `order`, `mirrored`, `size`,
            `position`, `thin`, `ignored`, `undrawn`, `incomplete` or `reader`; empty for findings about
            files and tables.
        number: The measured number that the message rests on; None where it rests on none.
    """

    grade: Grade
    case_id: str
    message: str
    kind: str = ""
    number: float | None = None
