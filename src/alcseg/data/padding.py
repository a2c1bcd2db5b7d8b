"""How an image smaller than the patch becomes as large, alike where a network learns and where it answers.

It stands in the middle, and each channel is continued by the least value that it has anywhere. After
z-scoring 0 is the mean of the tissue, so that a border of zeros would look like a slab of tissue; the minimum
is air in MR and CT alike. nnU-Net and MONAI put it in the middle, too, and pad with 0.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["lowest", "missing", "pad"]

Margins = tuple[tuple[int, int], ...]
"""Voxels that are missing before and behind, per axis."""


def missing(shape: Sequence[int], patch: Sequence[int]) -> Margins:
    """What a volume lacks to hold a patch; of an odd number one more behind than before."""
    lacks = [max(0, side - have) for side, have in zip(patch, shape, strict=True)]
    return tuple((lack // 2, lack - lack // 2) for lack in lacks)


def lowest(image: NDArray[np.floating]) -> NDArray[np.floating]:
    """Least value of each channel of `(C, X, Y, Z)`."""
    found: NDArray[np.floating] = image.reshape(len(image), -1).min(axis=1)
    return found


def pad(image: NDArray[np.floating], margins: Margins, values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Grow `(C, X, Y, Z)` by margins that have one value for each channel; itself where there are none."""
    if not any(amount for pair in margins for amount in pair):
        return image
    grown = [
        np.pad(channel, margins, constant_values=value)
        for channel, value in zip(image, values.astype(image.dtype), strict=True)
    ]
    return np.stack(grown)
