"""What came of expected errors: a few points of a curve, told by simulated errors whose truth is known."""

from alcseg.records.base import Record
from alcseg.types import Count

__all__ = ["Foretold"]


class Foretold(Record):
    """Simulated errors that were expected to be about as large; each was judged by others alone."""

    expected: float
    """Mean of the expected errors, 1 - Dice."""
    true: float
    """Mean of the true ones."""
    low: float
    """A tenth of the true errors lies below."""
    high: float
    """A tenth of them lies above."""
    n: Count
    """How many there were."""
