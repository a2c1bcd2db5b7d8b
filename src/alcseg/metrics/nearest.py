"""From each voxel of one mask to the nearest voxel of another: near ones on the grid, far ones by a KD-tree.

Surfaces that are compared lie mostly within a few voxels of one another. So how far the other mask is along
the first axis is written down for every voxel, and each voxel looks it up in its own line and in those
around, the nearest line first, until no line farther off can hold anything nearer. Voxels that are not done
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
    voxels = np.argwhere(mask)
    if not len(voxels) or not other.any():
        return np.full(len(voxels), np.inf)
    if directions is not None:
        frame = np.multiply(directions, spacing).T
        return _by_tree(voxels, other, frame)
    squared, done = _by_lines(voxels, other, spacing)
    distance: NDArray[np.float64] = np.sqrt(squared)
    if not done.all():
        distance[~done] = _by_tree(voxels[~done], other, np.diag(spacing))
    return distance


def _by_lines(
    voxels: NDArray[np.intp], other: Mask, spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Squared distance of each voxel, and whether it is the least."""
    moves, ways, margins = _moves(spacing[1:])
    steps = _steps_along(other, margins)
    corner = np.concatenate(([0], margins)).astype(np.intp)
    strides = np.array(steps.strides) // steps.itemsize
    flat, pending = steps.ravel(), np.arange(len(voxels))
    at = (voxels + corner) @ strides
    found = np.full(len(voxels), np.inf)
    least = found.copy()
    for move, way in zip((moves @ strides[1:]).tolist(), ways.tolist(), strict=True):
        near = least <= way
        if 4 * np.count_nonzero(near) > len(near):  # seldom enough that it pays
            found[pending[near]] = least[near]
            pending, at, least = pending[~near], at[~near], least[~near]
            if not len(pending):
                break
        along = np.multiply(flat.take(at + move), spacing[0], dtype=np.float64)
        np.minimum(least, np.square(along, out=along) + way, out=least)
    found[pending] = least
    done = np.ones(len(voxels), bool)
    done[pending] = least <= (_REACH * min(spacing[1:])) ** 2
    return found, done


def _steps_along(other: Mask, margins: NDArray[np.intp]) -> NDArray[np.uint16]:
    """Voxels to the nearest one of `other` along the first axis, with margins of `_NONE` across it."""
    steps = np.full((len(other), *np.add(other.shape[1:], 2 * margins)), _NONE, np.uint16)
    inside = tuple(
        slice(margin, size - margin) for margin, size in zip(margins, steps.shape[1:], strict=True)
    )
    steps[:, *inside][other] = 0
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
