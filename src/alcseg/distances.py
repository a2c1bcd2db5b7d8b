"""How far each voxel lies from the boundary of a mask; negative inside."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from alcseg.errors import ShapeError
from alcseg.fast import distance_to_other, distance_within
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["class_distances", "signed_distance"]

_LINES = 512
_THICK = 1.01  # Times the finest step; less is rounding of headers.


def signed_distance(mask: Mask, spacing: Spacing, *, known: Mask | None = None) -> NDArray[np.float32]:
    """Signed distance in mm of every voxel center to the boundary of `mask`, negative inside.

    The boundary runs between voxels: along a flat face the nearest voxel centers on its two sides have -1/2
    and +1/2 of the spacing along that axis, so `signed_distance(mask) <= d` is the mask grown by d, or shrunk
    where d < 0. A voxel that is longer along an axis than along the finest one counts as a row of finest ones
    along it, so that thick slices give what the same shape gives in thin ones.

    Args:
        mask: Foreground, bool, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis, in axis order.
        known: Voxels of which anybody knows whether they are foreground, same shape; all where None. The
            boundary runs between known voxels alone, so that no boundary is seen where knowledge ends.

    Returns:
        `(X, Y, Z)` float32; infinite where `mask` is empty, minus infinity where it is full, infinite in
        voxels that are not known.

    Raises:
        ShapeError: If `spacing` does not have one value per axis.
    """
    if len(spacing) != mask.ndim:
        raise ShapeError(f"expected {mask.ndim} spacings, one per axis, got {tuple(spacing)}.")
    if known is not None and not known.all():
        return _among_known(mask & known, known, spacing)
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, -np.inf, np.float32)
    half = min(spacing) / 2
    if thick := _thick_axes(spacing):
        outside, inside = (_distance_to(part, spacing, thick) for part in (mask, ~mask))
        apart = np.where(mask, inside, outside)
    else:
        apart = distance_to_other(mask, spacing)
    signed: NDArray[np.float32] = np.where(mask, half - apart, apart - half).astype(np.float32)
    return signed


def class_distances(
    label: LabelMap, num_classes: int, spacing: Spacing, *, known: Mask | None = None
) -> NDArray[np.float32]:
    """`signed_distance` of each foreground class of a map of classes 0..K-1, `(K - 1, X, Y, Z)`."""
    distances = np.empty((num_classes - 1, *label.shape), np.float32)  # a list to stack would take it twice
    for value, distance in enumerate(distances, start=1):
        distance[...] = signed_distance(label == value, spacing, known=known)
    return distances


def _among_known(mask: Mask, known: Mask, spacing: Spacing) -> NDArray[np.float32]:
    """Signed distance where some voxels, neither foreground nor background, are not known."""
    half, thick = min(spacing) / 2, _thick_axes(spacing)

    def distance_to(part: Mask) -> NDArray[np.floating]:
        if not part.any():
            return np.full(part.shape, np.inf, np.float32)
        return _distance_to(part, spacing, thick) if thick else distance_within(~part, spacing)

    signed = np.where(mask, half - distance_to(known & ~mask), distance_to(mask) - half)
    return np.where(known, signed, np.inf).astype(np.float32)


def _thick_axes(spacing: Spacing) -> list[int]:
    return [axis for axis, step in enumerate(spacing) if step > _THICK * min(spacing)]


def _distance_to(mask: Mask, spacing: Spacing, thick: list[int]) -> NDArray[np.float32]:
    """Distance of every voxel center to the nearest voxel of a mask, in mm.

    A voxel is where the centers of the finest voxels lie that it counts as: a point where it is a cube, a
    line along a thick axis.
    """
    finest = min(spacing)
    squared = _squared_within(mask, spacing, thick)
    for axis in thick:
        squared = _squared_across(squared, axis, spacing[axis], (spacing[axis] - finest) / 2)
    return np.sqrt(squared)


def _squared_within(mask: Mask, spacing: Spacing, thick: list[int]) -> NDArray[np.float32]:
    """Squared distance to the nearest voxel at the same place along the thick axes; infinite without one."""
    thin = [axis for axis in range(mask.ndim) if axis not in thick]
    lines = np.ascontiguousarray(np.moveaxis(mask, thick, range(len(thick))))
    squared = np.full(lines.shape, np.inf, np.float32)
    if len(thin) == 1:
        squared = _squared_along(lines, spacing[thin[0]])
    else:
        steps = tuple(spacing[axis] for axis in thin)
        for index in np.argwhere(lines.any(axis=tuple(range(len(thick), mask.ndim)))):
            at = tuple(index)
            squared[at] = np.square(distance_within(~lines[at], steps))
    return np.moveaxis(squared, range(len(thick)), thick)


def _squared_along(lines: Mask, step: float) -> NDArray[np.float32]:
    """Squared distance to the nearest voxel along the last axis; infinite without one."""
    voxels = np.where(np.moveaxis(lines, -1, 0), np.float32(0), np.float32(np.inf))
    for ordered in (voxels, voxels[::-1]):
        for before, after in pairwise(ordered):
            np.minimum(after, before + 1, out=after)
    return np.moveaxis(np.square(voxels * np.float32(step)), 0, -1)


def _squared_across(
    squared: NDArray[np.float32], axis: int, step: float, reach: float
) -> NDArray[np.float32]:
    """The least sum of what a voxel along a thick axis has and the square of the way to its nearer end."""
    ways = ((np.arange(1, squared.shape[axis]) * step - reach) ** 2).astype(np.float32)
    least = np.ascontiguousarray(np.moveaxis(squared, axis, 0)).reshape(squared.shape[axis], -1)
    for start in range(0, least.shape[1], _LINES):  # so many at once that they stay in the cache
        lines = least[:, start : start + _LINES]
        given = lines.copy()
        longer = np.empty_like(given)
        for apart, way in enumerate(ways, start=1):
            if way >= lines.max():
                break
            np.add(given, way, out=longer)
            np.minimum(lines[apart:], longer[:-apart], out=lines[apart:])
            np.minimum(lines[:-apart], longer[apart:], out=lines[:-apart])
    others = [size for at, size in enumerate(squared.shape) if at != axis]
    return np.moveaxis(least.reshape(squared.shape[axis], *others), 0, axis)
