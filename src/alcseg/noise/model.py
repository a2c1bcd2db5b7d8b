"""What every noise model looks like from outside: a label map and its circumstances in, a worse one out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from alcseg.types import LabelMap, Spacing

__all__ = [
    "Amount",
    "NoiseContext",
    "NoiseModel",
    "Operation",
    "OtherLabels",
    "Outcome",
    "Unit",
    "slice_axis",
]

Operation: TypeAlias = Literal["dilate", "erode"]
Unit: TypeAlias = Literal["voxel", "mm", "percent"]


@dataclass(frozen=True)
class Amount:
    """What `--size` measures in one model.

    Attributes:
        meaning: In words, for the help; `percent` says of what.
        ranges: The units that the model takes, each with the range that is drawn from unless the user gives
            one. The first is used where neither size nor unit is given. Percents suit organs of every size.
    """

    meaning: str
    ranges: Mapping[Unit, tuple[float, float]]


@dataclass(frozen=True)
class OtherLabels:
    """Labels of the other cases, read only when a model asks for one.

    Attributes:
        case_ids: Cases that can be asked for, without the present one.
        read: Label map and spacing of a case, in the axis order and direction of the present one.
    """

    case_ids: tuple[str, ...]
    read: Callable[[str], tuple[LabelMap, Spacing]]


@dataclass(frozen=True)
class NoiseContext:
    """Everything that a model may use beside the label map.

    Attributes:
        spacing: Voxel size in mm, one value per axis.
        background: Value of the background.
        rng: Source of everything random; in the same state at every attempt with another size.
        size: How much, never 0 where the model has an amount; 0 where it has none.
        unit: Unit of `size`, one that the model takes.
        operation: A fair coin, for models that either grow or shrink.
        keep_nonempty: Whether every class is to survive; `corrupt_label` sees to it.
        others: Labels of other cases; None for a label map that stands alone.
    """

    spacing: Spacing
    background: int
    rng: np.random.Generator
    size: float
    unit: Unit
    operation: Operation
    keep_nonempty: bool
    others: OtherLabels | None


@dataclass(frozen=True)
class Outcome:
    """A spoiled label map and how it came about.

    Attributes:
        label: Same shape and dtype as the given one.
        operation: What was done in one word: `dilate`, `erode`, or one of the model's own.
        details: Drawn parameters, as JSON can hold them; units end the names.
        weakened: Whether the model itself had to use less than it drew.
    """

    label: LabelMap
    operation: str
    details: dict[str, Any] = field(default_factory=dict)
    weakened: bool = False


class NoiseModel(ABC):
    """Makes a label map worse; everything outside of the volume counts as background."""

    summary: str
    """What it imitates, in half a line."""

    amount: Amount | None
    """What its size measures; None where there is no more or less."""

    needs_others: bool = False
    """Whether it cannot work without labels of other cases."""

    @abstractmethod
    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Spoil one label map.

        Args:
            label: Any integers, `(X, Y, Z)`, with some foreground; it is not written to.
            context: Size, spacing, randomness, other labels.
        """


def slice_axis(spacing: Spacing) -> int:
    """Axis across the slices: the one of the thickest voxels, the last of several."""
    return max(range(len(spacing)), key=lambda axis: (round(spacing[axis], 3), axis))
