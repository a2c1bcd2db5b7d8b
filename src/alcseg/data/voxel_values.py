"""What voxels may hold: finite intensities that vary, and whole numbers that name classes."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.errors import DataError, LabelError
from alcseg.types import LabelMap
from alcseg.words import shorten

__all__ = [
    "MANY_VALUES",
    "check_intensities",
    "in_values",
    "looks_like_image",
    "require_not_negative",
    "smallest_type",
    "tell_of_strangers",
    "whole_numbers",
]

_log = logging.getLogger(__name__)

MANY_VALUES = 50
"""More values than most label maps hold; atlases have some hundreds, images thousands."""
_RESTLESS = 0.7  # Share of neighbors that differ: below a half in atlases, above nine tenths in scans.
_HALF_STEP = 0.501  # Of the slope; 0.996 for 1 is half a step of 2/255 away, up to rounding.


def check_intensities(array: NDArray[Any], path: Path) -> None:
    """Refuse an image with NaN or infinite values and one that is the same everywhere.

    Raises:
        DataError: If the image is one of these.
    """
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        raise DataError(
            f"{path}: expected finite intensities, found {bad} NaN or infinite voxels of {array.size}. "
            "Replace them or leave the case out."
        )
    if array.min() == array.max():
        raise DataError(
            f"{path}: expected an image, found the value {array.flat[0]:g} everywhere. "
            "Replace the file or leave the case out."
        )


def whole_numbers(array: NDArray[Any], path: Path, *, slope: float = 1.0) -> NDArray[Any]:
    """A label map as integers in native byte order, values unchanged.

    Args:
        array: Values of any type.
        path: For messages.
        slope: By which the file scales what it stores. Below 1 the steps of the scaled values may miss whole
            numbers, so that a value within half a step of one stands for it.

    Raises:
        LabelError: If a value is fractional or not finite.
    """
    if array.dtype.kind in "iub":
        return array.astype(
            np.uint8 if array.dtype.kind == "b" else array.dtype.newbyteorder("="), copy=False
        )
    nearest = np.rint(array)
    with np.errstate(invalid="ignore"):  # infinity less infinity; told below
        off = np.abs(array - nearest)
    reach = _HALF_STEP * abs(slope) if abs(slope) < 1 else 0.0
    wrong = array[~(off <= reach)]
    if wrong.size:
        values = np.unique(wrong)
        hint = (
            "With this many different values it looks like an image or a probability map."
            if values.size > MANY_VALUES
            else "Round the labels, or resample them with nearest neighbour."
        )
        raise LabelError(
            f"{path}: expected whole-number labels, found {shorten(str(value) for value in values)} "
            f"in {wrong.size} voxels. {hint}"
        )
    low, high = (int(nearest.min()), int(nearest.max())) if array.size else (0, 0)
    if not -(2**63) <= low <= high < 2**63:
        raise LabelError(f"{path}: expected label values, found {low} to {high}. Check the file.")
    kind = np.result_type(np.min_scalar_type(low), np.min_scalar_type(high))
    whole: NDArray[Any] = nearest.astype(kind)
    return whole


def require_not_negative(values: Iterable[int], path: Path) -> None:
    """Refuse label values below 0, which neither nnU-Net nor an unsigned file can hold.

    Raises:
        LabelError: If there is one.
    """
    below = sorted(value for value in values if value < 0)
    if below:
        raise LabelError(
            f"{path}: expected label values of 0 and above, found {shorten(below)}. "
            f"Import with --label-map={below[0]}=0, or whichever class is meant."
        )


def tell_of_strangers(source: Path, labels: Iterable[set[int]]) -> None:
    """Warn where labels have no class in common with others: 1 in some and 255 in the rest may be one class.

    Args:
        source: What is imported, for the message.
        labels: Values of the classes of each label, background left out.
    """
    groups: list[set[int]] = []  # values that occur together, in one label or by way of others
    found = [values for values in labels if values]
    for values in found:
        met = [group for group in groups if group & values]
        groups = [group for group in groups if not group & values] + [values.union(*met)]
    if len(groups) > 1:
        said = "; ".join(
            f"{shorten(sorted(group))} in {sum(bool(group & values) for values in found)} label(s)"
            for group in sorted(groups, key=min)
        )
        _log.warning(
            "%s: some labels have no class in common with the others (%s). If two values stand for one "
            "class, import with --label-map OLD=NEW",
            source,
            said,
        )


def looks_like_image(label: LabelMap) -> bool:
    """Whether whole numbers `(X, Y, Z)` are rather intensities than classes: many, and seldom twice in a row.

    Neighbors of which one at least has a value other than the most frequent one are compared along each axis.
    """
    values, counts = np.unique(label, return_counts=True)
    if len(values) <= MANY_VALUES:
        return False
    other = label != values[counts.argmax()]
    pairs = changes = 0
    for axis in range(label.ndim):
        low, high = (np.moveaxis(label, axis, 0)[window] for window in (slice(-1), slice(1, None)))
        either = np.moveaxis(other, axis, 0)[:-1] | np.moveaxis(other, axis, 0)[1:]
        pairs += int(np.count_nonzero(either))
        changes += int(np.count_nonzero(low[either] != high[either]))
    return changes > _RESTLESS * pairs


def smallest_type(values: LabelMap) -> np.dtype[Any]:
    """The smallest integer type that holds all values of a label map."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    return np.result_type(np.min_scalar_type(min(low, 0)), np.min_scalar_type(max(high, 0)))


def in_values(classes: NDArray[Any], values: Sequence[int]) -> LabelMap:
    """Label values from class indices, in the smallest type that holds all of them.

    Args:
        classes: Of any shape.
        values: Of each class.
    """
    label: LabelMap = np.array(values, np.min_scalar_type(max(values)))[classes]
    return label
