"""How far each voxel lies from the boundary of a mask; negative inside."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.errors import ShapeError
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["class_distances", "signed_distance"]

_THICK = 1.01  # Times the finest step; less is rounding of headers.


def signed_distance(mask: Mask, spacing: Spacing) -> NDArray[np.float32]:
    """Signed distance in mm of every voxel center to the boundary of `mask`, negative inside.

    The boundary runs between voxels: along a flat face the nearest voxel centers on its two sides have -1/2
    and +1/2 of the spacing along that axis, so `signed_distance(mask) <= d` is the mask grown by d, or shrunk
    where d < 0. A voxel that is longer along an axis than along the finest one counts as a row of finest ones
    along it, so that thick slices give what the same shape gives in thin ones.

    Args:
        mask: Foreground, bool, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        `(X, Y, Z)` float32; infinite where `mask` is empty, minus infinity where it is full.

    Raises:
        ShapeError: If `spacing` does not have one value per axis.
    """
    if len(spacing) != mask.ndim:
        raise ShapeError(f"expected {mask.ndim} spacings, one per axis, got {tuple(spacing)}.")
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, -np.inf, np.float32)
    half = min(spacing) / 2
    outside, inside = (_distance_to(part, spacing) for part in (mask, ~mask))
    signed: NDArray[np.float32] = np.where(mask, half - inside, outside - half).astype(np.float32)
    return signed


def class_distances(label: LabelMap, num_classes: int, spacing: Spacing) -> NDArray[np.float32]:
    """`signed_distance` of each foreground class of a map of classes 0..K-1, `(K - 1, X, Y, Z)`."""
    return np.stack([signed_distance(label == value, spacing) for value in range(1, num_classes)])


def _distance_to(mask: Mask, spacing: Spacing) -> NDArray[np.floating]:
    """Distance of every voxel center to the nearest voxel of a mask, in mm.

    A voxel is where the centers of the finest voxels lie that it counts as: a point where it is a cube, a
    line along a thick axis.
    """
    finest = min(spacing)
    thick = [axis for axis, step in enumerate(spacing) if step > _THICK * finest]
    if not thick:
        return np.asarray(ndimage.distance_transform_edt(~mask, sampling=spacing))
    squared = _squared_within(mask, spacing, thick)
    for axis in thick:
        squared = _squared_across(squared, axis, spacing[axis], (spacing[axis] - finest) / 2)
    return np.sqrt(squared)


def _squared_within(mask: Mask, spacing: Spacing, thick: list[int]) -> NDArray[np.float32]:
    """Squared distance to the nearest voxel at the same place along the thick axes; infinite without one."""
    thin = tuple(axis for axis in range(mask.ndim) if axis not in thick)
    sampling = [spacing[axis] for axis in thin]
    squared = np.full(mask.shape, np.inf, np.float32)
    lines, found = (np.moveaxis(array, thick, range(len(thick))) for array in (mask, squared))
    for index in np.argwhere(lines.any(axis=tuple(range(len(thick), mask.ndim)))):
        at = tuple(index)
        found[at] = np.square(ndimage.distance_transform_edt(~lines[at], sampling=sampling))
    return squared


def _squared_across(
    squared: NDArray[np.float32], axis: int, step: float, reach: float
) -> NDArray[np.float32]:
    """The least sum of what a voxel along a thick axis has and the square of the way to its nearer end."""
    given = np.moveaxis(squared, axis, 0)
    least = given.copy()
    for apart in range(1, len(given)):
        way = np.float32((apart * step - reach) ** 2)
        if way >= least.max():
            break
        np.minimum(least[apart:], given[:-apart] + way, out=least[apart:])
        np.minimum(least[:-apart], given[apart:] + way, out=least[:-apart])
    return np.moveaxis(least, 0, axis)
