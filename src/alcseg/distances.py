"""How far each voxel lies from the boundary of a mask; negative inside."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.errors import ShapeError
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["class_distances", "signed_distance"]


def signed_distance(mask: Mask, spacing: Spacing) -> NDArray[np.float32]:
    """Signed distance in mm of every voxel center to the boundary of `mask`, negative inside.

    The boundary runs between voxels: along a flat face the nearest voxel centers on its two sides have -1/2
    and +1/2 of the spacing, so `signed_distance(mask) <= d` is the mask grown by d, or shrunk where d < 0.

    Args:
        mask: Foreground, bool, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        `(X, Y, Z)` float32; infinite where `mask` is empty, minus infinity where it is full.

    Raises:
        ShapeError: If `spacing` does not have one value per axis.
    """
    if len(spacing) != mask.ndim:
        raise ShapeError(f"expected {mask.ndim} spacings, one per axis, got {tuple(spacing)}.")
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    if mask.all():
        return np.full(mask.shape, -np.inf, np.float32)
    half = min(spacing) / 2
    outside, inside = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (~mask, mask))
    signed: NDArray[np.float32] = np.where(mask, half - inside, outside - half).astype(np.float32)
    return signed


def class_distances(label: LabelMap, num_classes: int, spacing: Spacing) -> NDArray[np.float32]:
    """`signed_distance` of each foreground class of a map of classes 0..K-1, `(K - 1, X, Y, Z)`."""
    return np.stack([signed_distance(label == value, spacing) for value in range(1, num_classes)])
