"""How well a label fits its image, compared with a label changed on purpose: mirrored, or made smaller.

The fit is the share of the variance of intensities that the classes explain (eta squared), in a box around
both labels. A label that lies on its organ loses by any such change; one that gains was probably changed.
"""

import numpy as np
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.types import FloatArray, LabelMap, Mask

__all__ = ["box_around", "explained", "gain", "scaled"]

_MARGIN = 3  # voxels of surroundings


def box_around(mask: Mask) -> tuple[slice, ...]:
    """The box around a mask with some of its surroundings."""
    return bounding_box(mask, _MARGIN)


def explained(image: FloatArray, label: LabelMap) -> float:
    """Share of the variance of `image` between the classes of `label`, 0 to 1; 0 for an image without any.

    Args:
        image: Intensities, any shape.
        label: Classes as indices 0, 1, ..., same shape.
    """
    values = image.ravel().astype(np.float64)
    values -= values.mean()
    total = float(values @ values)
    counts = np.bincount(label.ravel())
    sums = np.bincount(label.ravel(), values)
    between = float((sums**2 / np.maximum(counts, 1)).sum())
    return between / total if total > 0 else 0.0


def gain(image: FloatArray, label: LabelMap, other: LabelMap) -> tuple[float, float]:
    """What `other` explains, and the logarithm of how many times as much that is as `label` does.

    Args:
        image: Intensities, `(X, Y, Z)`.
        label: Class indices as given, same shape.
        other: Class indices to compare with, same shape.
    """
    box = box_around((label > 0) | (other > 0))
    given, instead = explained(image[box], label[box]), explained(image[box], other[box])
    return instead, float(np.log(max(instead, 1e-6) / max(given, 1e-6)))


def scaled(label: LabelMap, volume: float) -> LabelMap:
    """A label of `volume` times its volume, about its middle."""
    factor = volume ** (1 / 3)
    middle = np.array(ndimage.center_of_mass(label > 0))
    grown: LabelMap = ndimage.affine_transform(
        label, np.full(3, 1 / factor), offset=middle - middle / factor, order=0, output=label.dtype
    )
    return grown
