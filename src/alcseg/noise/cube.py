"""Cube: the foreground is dilated or eroded once with a full cube; the noise of the ALC and MTCL experiments.

A side of r voxels moves the surface by (r-1)/2 voxels, for an even r by r/2 on the low and r/2-1 on the high
side of each axis.

Source:
    Xu et al., "Anti-interference from noisy labels: mean-teacher-assisted confident learning for medical
    image segmentation", IEEE TMI 41(11), 2022, doi:10.1109/TMI.2022.3176915, and its public noise generator,
    whose voxels this reproduces.
"""

import numpy as np

from alcseg.arrays import check_spacing
from alcseg.boxes import bounding_box
from alcseg.errors import UsageError
from alcseg.noise.foreground import ForegroundNoise
from alcseg.noise.model import Amount, Operation, Unit
from alcseg.types import Mask, Spacing

__all__ = ["CUBE", "cube"]


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
    if operation == "dilate":
        box = bounding_box(foreground, sides)
        result[box] = _spread(foreground[box], sides, outside=False)
    else:
        box = bounding_box(foreground)
        # The background spreads by the cube seen from its other end; only for even sides that is another.
        backward = (slice(None, None, -1),) * foreground.ndim
        result[box] = ~_spread(~foreground[box][backward], sides, outside=True)[backward]
    return result


def _spread(mask: Mask, sides: tuple[int, ...], *, outside: bool) -> Mask:
    """Where a cube around a voxel holds any of a mask: `side // 2` voxels ahead, and the rest of it behind.

    Windows of one voxel, joined with those that begin where they end, are windows of two, of four and so on.
    """
    for axis, side in enumerate(sides):
        ahead = side // 2
        ends = [(side - 1 - ahead, ahead) if at == axis else (0, 0) for at in range(mask.ndim)]
        windows = np.moveaxis(np.pad(mask, ends, constant_values=outside), axis, 0)
        length = 1
        while length < side:
            step = min(length, side - length)
            windows = windows[:-step] | windows[step:]
            length += step
        mask = np.moveaxis(windows, 0, axis)
    return mask


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
