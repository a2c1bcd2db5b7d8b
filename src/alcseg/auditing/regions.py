"""Where a given label and an out-of-fold prediction differ: connected regions, largest first."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from alcseg.fast import components
from alcseg.noise.model import slice_axis
from alcseg.types import LabelMap, Spacing

__all__ = ["Region", "find_regions"]

_SMALLEST_VOXELS = 8


@dataclass(frozen=True)
class Region:
    """One connected region of one class.

    Attributes:
        value: Label value of the class.
        what: `missing` where only the prediction has the class, `extra` where only the label has it.
        mm3: Its volume.
        axis: Axis across the slices.
        best_slice: Index along it where the region is largest.
        low: First voxel of its box.
        high: Last voxel of its box.
    """

    value: int
    what: Literal["missing", "extra"]
    mm3: float
    axis: int
    best_slice: int
    low: tuple[int, ...]
    high: tuple[int, ...]


def find_regions(
    given: LabelMap, pred: LabelMap, values: tuple[int, ...], spacing: Spacing
) -> tuple[Region, ...]:
    """All regions of some size, largest first.

    Args:
        given: Label map, `(X, Y, Z)`.
        pred: Prediction of a network that never saw the case, same shape.
        values: Label values of the foreground classes.
        spacing: Voxel size in mm.
    """
    return tuple(sorted(_regions(given, pred, values, spacing), key=lambda region: -region.mm3))


def _regions(given: LabelMap, pred: LabelMap, values: tuple[int, ...], spacing: Spacing) -> Iterator[Region]:
    voxel_mm3 = float(np.prod(spacing))
    axis = slice_axis(spacing)
    others = tuple(other for other in range(3) if other != axis)
    for value in values:
        in_label, in_pred = given == value, pred == value
        parts: tuple[tuple[Literal["missing", "extra"], np.ndarray], ...] = (
            ("missing", in_pred & ~in_label),
            ("extra", in_label & ~in_pred),
        )
        for what, only in parts:
            pieces, _ = components(only)
            for number, box in enumerate(ndimage.find_objects(pieces), start=1):
                piece = pieces[box] == number
                voxels = int(piece.sum())
                if voxels < _SMALLEST_VOXELS:
                    continue
                best = int(piece.sum(axis=others).argmax()) + box[axis].start
                low = tuple(part.start for part in box)
                high = tuple(part.stop - 1 for part in box)
                yield Region(value, what, voxels * voxel_mm3, axis, best, low, high)
