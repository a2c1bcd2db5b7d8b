"""Cube: the foreground is dilated or eroded once with a full cube; the noise of the ALC and MTCL experiments.

A side of r voxels moves the surface by (r-1)/2 voxels, for an even r by r/2 on the low and r/2-1 on the high
side of each axis.

Source:
    Xu et al., "Anti-interference from noisy labels: mean-teacher-assisted confident learning for medical
    image segmentation", IEEE TMI 41(11), 2022, doi:10.1109/TMI.2022.3176915, and its public noise generator,
    whose voxels this reproduces.
"""

import numpy as np
from scipy import ndimage

from alcseg.arrays import check_spacing
from alcseg.boxes import bounding_box
from alcseg.errors import UsageError
from alcseg.noise.foreground import ForegroundNoise
from alcseg.noise.model import Amount, Operation, Unit
from alcseg.types import Mask, Spacing

__all__ = ["CUBE", "cube"]

_FILTER_FROM = 9  # side in voxels from which a separable minimum filter beats an erosion by the full cube


def cube(foreground: Mask, *, spacing: Spacing, size: float, unit: Unit, operation: Operation) -> Mask:
    """Dilate or erode `foreground` once with a cube; a side of one voxel is the identity.

    Args:
        foreground: Bool, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis; used with `unit="mm"` only.
        size: Side of the cube: whole voxels, or mm (rounded to voxels per axis, at least one).
        unit: Unit of `size`.
        operation: `dilate` or `erode`.

    Raises:
        UsageError: If a side in voxels is not a whole number of at least 1.
        ShapeError: If `spacing` does not have one positive value per axis.
    """
    check_spacing(foreground.shape, spacing)
    sides = _sides(size, unit, spacing)
    result = np.zeros_like(foreground)
    if not foreground.any():
        return result
    # Outside of the box there is only background, as outside of the volume: the crop changes no voxel.
    dilating = operation == "dilate"
    box = bounding_box(foreground, sides if dilating else (0,) * foreground.ndim)
    crop = foreground[box]
    if dilating:
        # A binary dilation reflects its cube; without this origin even sides would be shifted by a voxel.
        origin = tuple(-1 if side % 2 == 0 else 0 for side in sides)
        gray = crop.view(np.uint8)
        filtered = ndimage.maximum_filter(gray, size=sides, mode="constant", cval=0, origin=origin)
        result[box] = filtered.astype(bool)
    elif max(sides) < _FILTER_FROM:
        result[box] = ndimage.binary_erosion(crop, structure=np.ones(sides, dtype=bool))
    else:
        filtered = ndimage.minimum_filter(crop.view(np.uint8), size=sides, mode="constant", cval=0)
        result[box] = filtered.astype(bool)
    return result


def _sides(size: float, unit: Unit, spacing: Spacing) -> tuple[int, ...]:
    if unit == "mm":
        return tuple(max(1, round(size / step)) for step in spacing)
    if size < 1 or size != int(size):
        raise UsageError(
            f"noise model 'cube': expected a side of whole voxels, at least 1, got {size}. "
            "Round --size or measure it with --unit mm."
        )
    return (int(size),) * len(spacing)


CUBE = ForegroundNoise(
    cube,
    summary="dilation or erosion with a cube, as in the literature",
    amount=Amount(
        "side of the cube, twice the shift of the surface (percent: that shift, of the inscribed radius)",
        {"voxel": (3, 15), "mm": (3, 15), "percent": (10, 35)},
    ),
    sizes_per_shift=2.0,
)
