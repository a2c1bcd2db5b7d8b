"""A label put onto the grid of its image where both share one lattice of voxels; nothing is resampled.

Programs store labels in another order of axes, from the last slice to the first, or cropped to what was
drawn. As long as voxel centers fall onto voxel centers, all of these are the same label.
"""

import numpy as np

from alcseg.data.case import Volume
from alcseg.types import Affine

__all__ = ["put_on"]

_SAME_PLACE_VOXELS = 0.01


def put_on(label: Volume, like: Volume, *, fill: int = 0) -> Volume:
    """The same voxels on the grid of `like`, and `fill` where the label does not reach.

    A label is given back as it is, for whoever compares grids to refuse it, where the lattices differ, or
    something other than `fill` would be lost outside of `like`.
    """
    steps = np.linalg.inv(like.affine) @ label.affine
    exact = np.rint(steps)
    turn = np.abs(exact[:3, :3])
    is_turn = bool((turn.sum(axis=0) == 1).all() and (turn.sum(axis=1) == 1).all())
    if not is_turn or _drift(steps - exact, label.shape) > _SAME_PLACE_VOXELS:
        return label
    source_axes = turn.argmax(axis=1)
    signs = exact[range(3), source_axes]
    array = np.flip(label.array.transpose(source_axes), tuple(np.flatnonzero(signs < 0).tolist()))
    size = np.array(array.shape)
    first = exact[:3, 3] - np.where(signs < 0, size - 1, 0)
    low, high = np.maximum(first, 0).astype(int), np.minimum(first + size, like.shape).astype(int)
    high = np.maximum(low, high)
    inner = tuple(slice(int(a - at), int(b - at)) for a, b, at in zip(low, high, first, strict=True))
    if np.count_nonzero(array[inner] != fill) != np.count_nonzero(array != fill):
        return label
    placed = np.full(like.shape, fill, dtype=array.dtype)
    placed[tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))] = array[inner]
    return Volume(placed, like.affine, like.header, label.path, label.rounded)


def _drift(off: Affine, shape: tuple[int, ...]) -> float:
    """By how many voxels at most the corners of a volume miss the lattice."""
    corners = np.array(np.meshgrid(*((0, size - 1) for size in shape), [1])).reshape(4, -1)
    return float(np.abs(off @ corners).max())
