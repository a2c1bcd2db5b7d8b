"""Where a mask lies: most of a scan is background that no computation has to visit."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alcseg.types import Mask

__all__ = ["bounding_box", "middle_of"]


def bounding_box(mask: Mask, margin: int | Sequence[int] = 0) -> tuple[slice, ...]:
    """Slices of the smallest box that holds `mask`; of nothing if it is empty.

    Args:
        mask: Foreground, bool, any number of axes.
        margin: Voxels by which the box is wider at both ends, one number for all axes or one per axis; it
            ends where the array does.
    """
    margins = [margin] * mask.ndim if isinstance(margin, int) else margin
    box: list[slice] = []
    shadow = mask  # on the axes that are left; one axis after the other is much faster than all but one
    for size, extra in zip(mask.shape, margins, strict=True):
        occupied = np.flatnonzero(shadow.any(axis=tuple(range(1, shadow.ndim))))
        if not occupied.size:
            return (slice(0, 0),) * mask.ndim
        low, high = int(occupied[0]), int(occupied[-1]) + 1
        shadow = np.asarray(shadow[low:high].any(axis=0))
        box.append(slice(max(low - extra, 0), min(high + extra, size)))
    return tuple(box)


def middle_of(mask: Mask) -> NDArray[np.float64]:
    """Mean index of the voxels of `mask` along each axis; it has to hold one."""
    middle: NDArray[np.float64] = np.array([along.mean() for along in mask.nonzero()])
    return middle
