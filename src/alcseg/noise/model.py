"""What every noise model looks like from outside, and the crop they share."""

from typing import Literal, Protocol, TypeAlias

import numpy as np

from alcseg.errors import ShapeError
from alcseg.types import Mask, Spacing

__all__ = ["NoiseModel", "Operation", "Unit", "bounding_box", "check_spacing"]

Operation: TypeAlias = Literal["dilate", "erode"]
Unit: TypeAlias = Literal["voxel", "mm"]


class NoiseModel(Protocol):
    """Grows or shrinks a foreground; everything outside of the volume counts as background."""

    def __call__(
        self, foreground: Mask, *, spacing: Spacing, size: float, unit: Unit, operation: Operation
    ) -> Mask:
        """Return the changed foreground.

        Args:
            foreground: Union of all foreground classes, bool, `(X, Y, Z)`; it is not written to.
            spacing: Voxel size in mm, one value per axis, in axis order.
            size: How much; the model says what it measures. Its smallest sizes are the identity.
            unit: Whether `size` counts voxels or millimetres.
            operation: `dilate` or `erode`.
        """
        ...


def check_spacing(shape: tuple[int, ...], spacing: Spacing) -> None:
    """Raise `ShapeError` unless `spacing` has one positive value per axis of `shape`."""
    if len(spacing) != len(shape) or not all(step > 0 for step in spacing):
        raise ShapeError(
            f"expected one positive spacing in mm per axis of an array of shape {shape}, got {spacing}. "
            "Pass the voxel size in axis order."
        )


def bounding_box(foreground: Mask, margin: tuple[int, ...]) -> tuple[slice, ...]:
    """Slices of the box around a non-empty `foreground`, wider by `margin` voxels, clipped to the array."""
    box = []
    for axis, extra in enumerate(margin):
        others = tuple(other for other in range(foreground.ndim) if other != axis)
        occupied = np.flatnonzero(foreground.any(axis=others))
        box.append(slice(max(int(occupied[0]) - extra, 0), int(occupied[-1]) + 1 + extra))
    return tuple(box)
