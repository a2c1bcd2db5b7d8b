"""How well a label fits its image, compared with a label changed on purpose: mirrored, moved, made smaller.

The fit is the share of the variance of intensities that the classes explain (eta squared), in a box around
both labels. A label that lies on its organ loses by any such change; one that gains was probably changed.
"""

from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.boxes import bounding_box, middle_of
from alcseg.types import FloatArray, LabelMap, Mask

__all__ = ["Move", "best_move", "box_around", "explained", "gain", "scaled"]

_MARGIN = 3  # voxels of surroundings
_STEP_MM, _FARTHEST_MM = 5.0, 40.0
_STAYS = 0.9  # of the label, that a move leaves in the image


class Move(NamedTuple):
    """A label moved along one axis.

    Attributes:
        axis: The axis.
        mm: How far; negative towards its beginning.
        instead: What the moved label explains.
        by: The logarithm of how many times as much that is.
    """

    axis: int
    mm: float
    instead: float
    by: float


def box_around(mask: Mask) -> tuple[slice, ...]:
    """The box around a mask with some of its surroundings."""
    return bounding_box(mask, _MARGIN)


def explained(image: FloatArray, label: LabelMap) -> float:
    """Share of the variance of `image` between the classes of `label`, 0 to 1; 0 for an image without any.

    Args:
        image: Intensities, any shape.
        label: Classes as indices 0, 1, ..., same shape.
    """
    values, total = _deviations(image)
    return _share(values, total, label)


def gain(image: FloatArray, label: LabelMap, other: LabelMap) -> tuple[float, float]:
    """What `other` explains, and the logarithm of how many times as much that is as `label` does.

    Args:
        image: Intensities, `(X, Y, Z)`.
        label: Class indices as given, same shape.
        other: Class indices to compare with, same shape.
    """
    box = box_around((label > 0) | (other > 0))
    values, total = _deviations(image[box])
    given, instead = (_share(values, total, one[box]) for one in (label, other))
    return instead, float(np.log(max(instead, 1e-6) / max(given, 1e-6)))


def _deviations(image: FloatArray) -> tuple[NDArray[np.float64], float]:
    """Intensities less their mean, `(N,)`, and the sum of their squares."""
    values = image.ravel().astype(np.float64)
    values -= values.mean()
    return values, float(np.square(values).sum())  # `@` would wait for threads where others want the cores


def _share(values: NDArray[np.float64], total: float, label: LabelMap) -> float:
    """What the classes of `label` explain of `values`, whose squares sum up to `total`."""
    classes = label.ravel()
    drawn = np.flatnonzero(classes != 0)  # few: what background holds is the rest of the deviations
    of_drawn, classes = values[drawn], classes[drawn]
    counts, sums = np.bincount(classes, minlength=1), np.bincount(classes, of_drawn, minlength=1)
    counts[0], sums[0] = len(values) - len(drawn), -of_drawn.sum()
    between = float((sums**2 / np.maximum(counts, 1)).sum())
    return between / total if total > 0 else 0.0


def scaled(label: LabelMap, volume: float) -> LabelMap:
    """A label of `volume` times its volume, about its middle."""
    factor = volume ** (1 / 3)
    middle = middle_of(label > 0)
    grown: LabelMap = ndimage.affine_transform(
        label, np.full(3, 1 / factor), offset=middle - middle / factor, order=0, output=label.dtype
    )
    return grown


def best_move(image: FloatArray, label: LabelMap, spacing: tuple[float, float, float]) -> Move:
    """The move along one axis after which the label fits best: steps of 5 mm, as long as it fits better.

    Args:
        image: Intensities, `(X, Y, Z)`.
        label: Class indices, same shape.
        spacing: Voxel size in mm.

    Returns:
        The move, of nothing where the label fills the image; `by` is below 0 where every step makes it worse.
    """
    best = Move(0, 0.0, 0.0, -np.inf)
    for axis in range(3):
        step = max(1, round(_STEP_MM / spacing[axis]))
        for sign in (-1, 1):
            last = 0.0
            for number in count(1):
                by = sign * number * step
                moved = _moved(label, axis, by)
                stays = np.count_nonzero(moved) >= _STAYS * np.count_nonzero(label)
                if not stays or abs(by) * spacing[axis] > _FARTHEST_MM:
                    break
                found = Move(axis, by * spacing[axis], *gain(image, label, moved))
                best = max(best, found, key=lambda move: move.by)
                if found.by <= last:
                    break
                last = found.by
    return best if np.isfinite(best.by) else best._replace(by=0.0)


def _moved(label: LabelMap, axis: int, by: int) -> LabelMap:
    """A label some voxels further along an axis; what leaves the image is lost."""
    moved = np.zeros_like(label)
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis] = slice(by, None) if by > 0 else slice(None, by)
    there[axis] = slice(None, -by) if by > 0 else slice(-by, None)
    moved[tuple(here)] = label[tuple(there)]
    return moved
