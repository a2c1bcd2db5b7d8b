"""Slices between drawn ones, filled in by their shape.

Raya and Udupa, Shape-based interpolation of multidimensional objects, IEEE Transactions on Medical Imaging 9
(1990) 32: signed distances of the two drawn outlines are blended, and what is below zero is inside. The
outlines are laid center on center first, so that a structure that runs obliquely does not thin out between
two slices.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.types import LabelMap

__all__ = ["interpolate_slices"]


def interpolate_slices(label: LabelMap, value: int, axis: int) -> LabelMap:
    """Fill a class between the slices in which it is drawn.

    Args:
        label: Class indices, `(X, Y, Z)`.
        value: The class.
        axis: Array axis across the slices.

    Returns:
        A new map: where slices between two drawn ones hold nothing of the class, background there has become
        the class inside of the blended outline; other classes stay.
    """
    slices = np.moveaxis(label.copy(), axis, 0)
    drawn = np.flatnonzero((slices == value).any(axis=(1, 2)))
    for low, high in pairwise(drawn):
        if high - low < 2:
            continue
        first, second = slices[low] == value, slices[high] == value
        centers = [np.array(ndimage.center_of_mass(mask)) for mask in (first, second)]
        for between in range(low + 1, high):
            share = (between - low) / (high - low)
            center = (1 - share) * centers[0] + share * centers[1]
            blended = (1 - share) * _moved(first, center - centers[0]) + share * _moved(
                second, center - centers[1]
            )
            target = slices[between]
            target[(blended < 0) & (target == 0)] = value
    return np.moveaxis(slices, 0, axis)


def _moved(mask: NDArray[np.bool_], by: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance of a 2D mask in pixels, negative inside, moved by a part of the plane."""
    outside = ndimage.distance_transform_edt(~mask)
    inside = ndimage.distance_transform_edt(mask)
    distance = np.where(mask, 0.5 - inside, outside - 0.5)
    moved: NDArray[np.float64] = ndimage.shift(distance, by, order=1, mode="nearest")
    return moved
