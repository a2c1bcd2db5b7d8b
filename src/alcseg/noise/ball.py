"""Ball: the surface moves by the same distance in every direction, in millimetres also on anisotropic grids.

A dilation keeps every voxel within the radius of the foreground, an erosion every voxel farther than the
radius from the background. Both are thresholds of a Euclidean distance transform and give the same voxels as
the operation with a ball as structuring element.

Source:
    None: our alternative to the published cube, for scans whose voxels are not cubes.
"""

import math

import numpy as np
from scipy import ndimage

from alcseg.arrays import check_spacing
from alcseg.boxes import bounding_box
from alcseg.errors import UsageError
from alcseg.noise.foreground import ForegroundNoise
from alcseg.noise.model import Amount, Operation, Unit
from alcseg.types import Mask, Spacing

__all__ = ["BALL", "ball"]

_SLACK = 1e-9  # relative: a voxel at exactly the radius is reached although 3 * 0.1 is not exactly 0.3


def ball(foreground: Mask, *, spacing: Spacing, size: float, unit: Unit, operation: Operation) -> Mask:
    """Dilate or erode `foreground` with a ball; a radius below the smallest voxel step is the identity.

    Args:
        foreground: Bool, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis; used with `unit="mm"` only.
        size: Radius of the ball, at least 0.
        unit: Unit of `size`.
        operation: `dilate` or `erode`.

    Raises:
        UsageError: If the radius is negative or not finite.
        ShapeError: If `spacing` does not have one positive value per axis.
    """
    check_spacing(foreground.shape, spacing)
    if not (math.isfinite(size) and size >= 0):
        raise UsageError(f"noise model 'ball': expected a radius of at least 0, got {size}. Change --size.")
    result = np.zeros_like(foreground)
    if not foreground.any():
        return result
    steps = spacing if unit == "mm" else (1.0,) * foreground.ndim
    reach = size * (1 + _SLACK)
    if operation == "dilate":
        box = bounding_box(foreground, tuple(math.ceil(reach / step) for step in steps))
        result[box] = ndimage.distance_transform_edt(~foreground[box], sampling=steps) <= reach
    else:
        box = bounding_box(foreground)
        # One ring of background: what lies outside of the volume counts as background.
        padded = np.pad(foreground[box], 1)
        kept = ndimage.distance_transform_edt(padded, sampling=steps) > reach
        result[box] = kept[(slice(1, -1),) * foreground.ndim]
    return result


BALL = ForegroundNoise(
    ball,
    summary="the whole surface drawn too large or too small by one distance",
    amount=Amount(
        "radius of the ball, which is how far the surface moves (percent: of the inscribed radius)",
        {"percent": (15, 45), "voxel": (1, 7), "mm": (1, 7)},
    ),
    sizes_per_shift=1.0,
)
