"""Dice as an audit reads it: a class that neither of two masks holds is no error."""

from alcseg.metrics.overlap import dice
from alcseg.types import LabelMap, Mask

__all__ = ["agreement", "class_agreements"]


def agreement(first: Mask, second: Mask) -> float:
    """Dice of two bool masks of one shape; 1 where both are empty."""
    return dice(first, second) if first.any() or second.any() else 1.0


def class_agreements(first: LabelMap, second: LabelMap, num_classes: int) -> tuple[float, ...]:
    """That of each foreground class of two maps of classes 0..K-1, `num_classes` being K."""
    return tuple(agreement(first == index, second == index) for index in range(1, num_classes))
