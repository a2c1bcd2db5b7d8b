"""Dice as an audit reads it: a class that neither of two masks holds is no error."""

from alcseg.metrics.overlap import dice
from alcseg.types import Mask

__all__ = ["agreement"]


def agreement(first: Mask, second: Mask) -> float:
    """Dice of two bool masks of one shape; 1 where both are empty."""
    return dice(first, second) if first.any() or second.any() else 1.0
