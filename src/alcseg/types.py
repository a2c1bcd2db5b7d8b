"""Array aliases that carry their meaning; shapes are stated where they are used."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Affine", "FloatArray", "IntArray", "LabelMap", "Mask", "Spacing"]

Spacing: TypeAlias = tuple[float, ...]
"""Voxel size in mm, one value per array axis, in axis order."""

Affine: TypeAlias = NDArray[np.float64]
"""`(4, 4)`, voxel index to RAS millimetres."""

Mask: TypeAlias = NDArray[np.bool_]
"""Foreground, `(X, Y, Z)`."""

LabelMap: TypeAlias = NDArray[np.integer[Any]]
"""One integer per voxel, `(X, Y, Z)`."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
