"""The supervised loss of all methods: cross-entropy plus soft Dice."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["DiceReduction", "dice_loss", "segmentation_loss"]

DiceReduction = Literal["pooled", "per_sample"]


def dice_loss(
    probs: Tensor, label: Tensor, *, reduction: DiceReduction = "pooled", smooth: float = 1e-5
) -> Tensor:
    """Soft Dice loss with squared denominators, averaged over all classes including background.

    Args:
        probs: Class probabilities, float32, `(B, C, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`, or class probabilities `(B, C, X, Y, Z)` for a soft target.
        reduction: `pooled` sums over the voxels of the whole batch before dividing, `per_sample` divides per
            sample and averages; on nearly empty patches the two differ several times over.
        smooth: Added to numerator and denominator.

    Returns:
        Scalar in 0..1; 0 for a perfect one-hot prediction.

    Source:
        Milletari et al., 3DV 2016, arXiv:1606.04797, in the form customary in SSL4MIS and MTCL.
    """
    target = label if label.ndim == probs.ndim else _one_hot(label, probs.shape[1])
    axes = (0, 2, 3, 4) if reduction == "pooled" else (2, 3, 4)
    overlap = (probs * target).sum(axes)
    size = probs.square().sum(axes) + target.square().sum(axes)
    return 1 - ((2 * overlap + smooth) / (size + smooth)).mean()


def segmentation_loss(
    logits: Tensor,
    label: Tensor,
    *,
    ce_weight: float = 0.5,
    dice_weight: float = 0.5,
    dice_reduction: DiceReduction = "pooled",
) -> Tensor:
    """`ce_weight * CE + dice_weight * Dice`, in float32 also under autocast.

    Args:
        logits: Raw network output, `(B, C, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`, or class probabilities `(B, C, X, Y, Z)` for a soft target.
        ce_weight: Weight of the voxel-wise cross-entropy.
        dice_weight: Weight of the soft Dice loss.
        dice_reduction: See `dice_loss`.

    Returns:
        Scalar.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.float()
        target = label if label.ndim == logits.ndim else label.long()
        cross_entropy = functional.cross_entropy(logits, target)
        return ce_weight * cross_entropy + dice_weight * dice_loss(
            logits.softmax(1), target, reduction=dice_reduction
        )


def _one_hot(label: Tensor, num_classes: int) -> Tensor:
    """Class indices `(B, X, Y, Z)` as float32 `(B, C, X, Y, Z)`."""
    return functional.one_hot(label.long(), num_classes).movedim(-1, 1).float()
