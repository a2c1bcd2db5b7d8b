"""Euclidean distances and connected components of masks: the packages of the extra `[fast]`, or SciPy.

Where `edt` and `cc3d` are installed they are used, some ten times quicker and with the same results; where
they are not, and inside `without_packages()`, SciPy is. Nothing else in the package calls either.

`edt` computes squares in float32. They are counted in the finest step of the grid, so that whole numbers of
steps, which thresholds fall on, stay exact; others are off by some 1e-7 of themselves. `cc3d` numbers the
components of a C-ordered array as SciPy does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.types import Mask, Spacing

__all__ = ["components", "distance_to_other", "distance_within", "without_packages"]

_AXES = {"edt": (2, 3), "cc3d": (3,)}  # with which either package gives what SciPy does
_allowed = True


@contextmanager
def without_packages() -> Iterator[None]:
    """Let SciPy do all inside the block, in every thread, as where the extra is not installed."""
    global _allowed
    before, _allowed = _allowed, False
    try:
        yield
    finally:
        _allowed = before


def distance_within(mask: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Distance in mm of each voxel of a mask to the nearest one that is not in it, center to center.

    Args:
        mask: Bool, any number of axes.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Same shape; 0 outside of the mask, infinite inside where nothing is outside.
    """
    if mask.all():
        return np.full(mask.shape, np.inf)
    if (edt := _chosen("edt", mask)) is None:
        return np.asarray(ndimage.distance_transform_edt(mask, sampling=spacing))
    return _roots_of_squares(edt, mask, spacing)


def distance_to_other(mask: Mask, spacing: Spacing) -> NDArray[np.float64]:
    """Distance in mm of each voxel to the nearest one on the other side: `mask` or not, center to center.

    Args:
        mask: Bool, any number of axes.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Same shape; infinite where `mask` is empty or full.
    """
    if (edt := _chosen("edt", mask)) is None:
        inside, outside = (distance_within(part, spacing) for part in (mask, ~mask))
        return np.where(mask, inside, outside)
    # It tells labels from one another, so that one transform does for both sides.
    return _roots_of_squares(edt, mask.view(np.uint8) + np.uint8(1), spacing)


def components(mask: Mask, *, corners: bool = False) -> tuple[NDArray[np.integer[Any]], int]:
    """Numbers of connected components, and how many there are.

    Args:
        mask: Bool, any number of axes.
        corners: Whether voxels that share an edge or a corner hang together, too; otherwise a face.

    Returns:
        Same shape; 0 outside of the mask, components from 1 in the order of their first voxels.
    """
    if (cc3d := _chosen("cc3d", mask)) is None:
        structure = ndimage.generate_binary_structure(mask.ndim, mask.ndim if corners else 1)
        found, count = ndimage.label(mask, structure)
        return found, int(count)
    found, count = cc3d.connected_components(
        np.ascontiguousarray(mask),
        connectivity=26 if corners else 6,
        return_N=True,
        binary_image=True,
    )
    return found, int(count)


def _roots_of_squares(edt: Any, labels: NDArray[Any], spacing: Spacing) -> NDArray[np.float64]:
    finest = min(spacing)
    steps = tuple(step / finest for step in spacing)
    squares = edt.edtsq(np.ascontiguousarray(labels), anisotropy=steps, black_border=False, parallel=1)
    distance: NDArray[np.float64] = np.sqrt(squares, dtype=np.float64)
    distance *= finest
    return distance


def _chosen(name: str, mask: Mask) -> Any:
    """A package of the extra if it can do this and may, else None."""
    if mask.ndim not in _AXES[name] or not mask.size or not _allowed:
        return None
    return _module(name)


@cache
def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        return None
