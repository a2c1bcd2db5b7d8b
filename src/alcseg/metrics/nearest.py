"""From each voxel of one mask to the nearest voxel of another: near ones on the grid, far ones by a KD-tree.

Surfaces that are compared lie mostly within a few voxels of one another. So how far the other mask is along
the first axis is written down for every voxel, and each voxel looks it up in its own line and in those
around, the nearest lines first, until no line farther off can hold anything nearer. Voxels that are not done
after some lines ask a tree.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from alcseg.types import FloatArray, Mask, Spacing

__all__ = ["nearest_distances"]

_REACH = 8.0  # of the lines that are looked at, in the finest step across the first axis
_LOOKUPS = 2**14  # in as many lines at once as there are few voxels; what they read and leave fits the cache
_NONE = 2**15  # steps to a voxel of a line that has none; longer than any array


def nearest_distances(
    mask: Mask, other: Mask, spacing: Spacing, *, directions: FloatArray | None = None
) -> NDArray[np.float64]:
    """Distance in mm of each voxel of a mask to the nearest one of another, center to center.

    Args:
        mask: Bool, any number of axes.
        other: Bool, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.
        directions: Unit vectors along the axes as columns of a sheared grid; None where they are
            perpendicular.

    Returns:
        One value per voxel of `mask`, in the order of the array; infinite where `other` is empty.
    """
    if mask.ndim == 1:
        return nearest_distances(mask[:, None], other[:, None], (*spacing, 1.0))
    count = np.count_nonzero(mask)
    if not count or not other.any():
        return np.full(count, np.inf)
    if directions is not None:
        frame = np.multiply(directions, spacing).T
        return _by_tree(np.argwhere(mask), other, frame)
    squared, done = _by_lines(mask, other, spacing)
    distance: NDArray[np.float64] = np.sqrt(squared)
    if not done.all():
        far = np.stack(np.unravel_index(np.flatnonzero(mask)[~done], mask.shape), axis=1)
        corner, around = _box_around(far, distance[~done].max(), spacing)
        distance[~done] = _by_tree(far - corner, other[around], np.diag(spacing))
    return distance


def _box_around(
    voxels: NDArray[np.intp], reach: float, spacing: Spacing
) -> tuple[NDArray[np.intp], tuple[slice, ...]]:
    """First voxel and slices of the box that holds all within reach of some, in mm and perhaps infinite."""
    steps = np.minimum(np.divide(reach, spacing), _NONE).astype(np.intp) + 1
    low, high = np.maximum(voxels.min(axis=0) - steps, 0), voxels.max(axis=0) + steps + 1
    return low, tuple(map(slice, low, high))


def _by_lines(mask: Mask, other: Mask, spacing: Spacing) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Squared distance of each voxel of a mask, and whether it is the least."""
    moves, ways, margins = _moves(spacing[1:])
    steps = _steps_along(_widened(other, margins))
    shifts = moves @ (np.array(steps.strides[1:]) // steps.itemsize)
    flat, at = steps.ravel(), np.flatnonzero(_widened(mask, margins))
    found = np.full(len(at), np.inf)
    least, pending, line = found.copy(), np.arange(len(at)), 0
    while line < len(ways):
        near = least <= ways[line]
        if 4 * np.count_nonzero(near) > len(near):  # seldom enough that it pays
            found[pending[near]] = least[near]
            pending, at, least = pending[~near], at[~near], least[~near]
            if not len(pending):
                break
        lines = slice(line, line + max(1, _LOOKUPS // len(pending)))
        along = np.multiply(flat.take(at + shifts[lines, None]), spacing[0], dtype=np.float64)
        squared = np.square(along, out=along)
        squared += ways[lines, None]
        np.minimum(least, squared.min(axis=0), out=least)
        line = lines.stop
    found[pending] = least
    done = np.ones(len(found), bool)
    done[pending] = least <= (_REACH * min(spacing[1:])) ** 2
    return found, done


def _widened(mask: Mask, margins: NDArray[np.intp]) -> Mask:
    """A mask with margins of background across the first axis."""
    wide = np.zeros((len(mask), *np.add(mask.shape[1:], 2 * margins)), bool)
    inside = (slice(margin, margin + size) for margin, size in zip(margins, mask.shape[1:], strict=True))
    wide[:, *inside] = mask
    return wide


def _steps_along(other: Mask) -> NDArray[np.uint16]:
    """Voxels to the nearest one of `other` along the first axis."""
    steps = np.where(other, np.uint16(0), np.uint16(_NONE))
    for planes in (steps, steps[::-1]):
        for before, after in pairwise(planes):
            np.minimum(after, before + np.uint16(1), out=after)
    return steps


@lru_cache(maxsize=8)
def _moves(steps: Spacing) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Lines within reach in voxels, nearest first; the squares of their ways in mm; the largest per axis."""
    reach = _REACH * min(steps)
    margins = np.array([int(reach / step) for step in steps], np.intp)
    around = np.indices(tuple(2 * margins + 1)).reshape(len(steps), -1).T - margins
    ways = np.square(around * np.asarray(steps)).sum(axis=1)
    order = np.argsort(ways, kind="stable")
    order = order[ways[order] <= reach**2]
    return around[order], ways[order], margins


def _by_tree(voxels: NDArray[np.intp], other: Mask, frame: FloatArray) -> NDArray[np.float64]:
    tree = KDTree(np.argwhere(other) @ frame, balanced_tree=False, compact_nodes=False)  # quick to build
    return np.asarray(tree.query(voxels @ frame)[0], dtype=np.float64)
