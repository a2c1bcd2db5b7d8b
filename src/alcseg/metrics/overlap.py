"""How much two masks overlap: Dice and Jaccard."""

import numpy as np

from alcseg.errors import ShapeError
from alcseg.types import Mask

__all__ = ["check_masks", "dice", "jaccard"]


def dice(pred: Mask, ref: Mask) -> float:
    """Dice coefficient, 0..1; higher is better.

    Args:
        pred: Predicted foreground, bool, any shape.
        ref: Reference foreground, same shape.

    Returns:
        Twice the common voxels over the sum of both; `nan` if both masks are empty, 0 if exactly one is.

    Raises:
        ShapeError: If the shapes differ.

    Source:
        Dice, Ecology 26(3), 1945, doi:10.2307/1932409.
    """
    check_masks(pred, ref)
    total = np.count_nonzero(pred) + np.count_nonzero(ref)
    return float(2 * np.count_nonzero(pred & ref) / total) if total else float("nan")


def jaccard(pred: Mask, ref: Mask) -> float:
    """Jaccard index (intersection over union), 0..1; higher is better.

    Args:
        pred: Predicted foreground, bool, any shape.
        ref: Reference foreground, same shape.

    Returns:
        Common voxels over those of either; `nan` if both masks are empty, 0 if exactly one is.

    Raises:
        ShapeError: If the shapes differ.

    Source:
        Jaccard, New Phytologist 11(2), 1912, doi:10.1111/j.1469-8137.1912.tb05611.x.
    """
    check_masks(pred, ref)
    union = np.count_nonzero(pred | ref)
    return float(np.count_nonzero(pred & ref) / union) if union else float("nan")


def check_masks(pred: Mask, ref: Mask) -> None:
    """Raise `ShapeError` unless both are bool arrays of one shape."""
    if pred.shape != ref.shape or pred.dtype != bool or ref.dtype != bool:
        raise ShapeError(
            "expected two bool masks of one shape, "
            f"got {pred.dtype} {pred.shape} and {ref.dtype} {ref.shape}. "
            "Compare the label map with one class value first."
        )
