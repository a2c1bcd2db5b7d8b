"""The supervised loss of all methods: cross-entropy plus soft Dice."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["DiceReduction", "dice_loss", "segmentation_loss", "segmentation_loss_per_sample"]

DiceReduction = Literal["pooled", "per_sample"]

_SMOOTH = 1e-5  # added to numerator and denominator of a Dice


def dice_loss(
    probs: Tensor,
    label: Tensor,
    *,
    reduction: DiceReduction = "pooled",
    mask: Tensor | None = None,
) -> Tensor:
    """Soft Dice loss with squared denominators, averaged over all classes including background.

    Args:
        probs: Class probabilities, float32, `(B, C, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`, or class probabilities `(B, C, X, Y, Z)` for a soft target.
        reduction: `pooled` sums over the voxels of the whole batch before dividing, `per_sample` divides per
            sample and averages; on nearly empty patches the two differ several times over.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Scalar in 0..1; 0 for a perfect one-hot prediction, and where no voxel counts.

    Source:
        Milletari et al., 3DV 2016, arXiv:1606.04797, in the form customary in SSL4MIS and MTCL.
    """
    target = label if label.ndim == probs.ndim else _one_hot(label, probs.shape[1])
    if mask is not None:
        probs, target = probs * mask.unsqueeze(1), target * mask.unsqueeze(1)
    axes = (0, 2, 3, 4) if reduction == "pooled" else (2, 3, 4)
    return 1 - _dice(probs, target, axes).mean()


def segmentation_loss(
    logits: Tensor,
    label: Tensor,
    *,
    ce_weight: float = 0.5,
    dice_weight: float = 0.5,
    dice_reduction: DiceReduction = "pooled",
    mask: Tensor | None = None,
) -> Tensor:
    """`ce_weight * CE + dice_weight * Dice`, in float32 also under autocast.

    Args:
        logits: Raw network output, `(B, C, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`, or class probabilities `(B, C, X, Y, Z)` for a soft target.
        ce_weight: Weight of the voxel-wise cross-entropy.
        dice_weight: Weight of the soft Dice loss.
        dice_reduction: See `dice_loss`.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Scalar; 0 where no voxel counts.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.float()
        target = label if label.ndim == logits.ndim else label.long()
        if mask is None:
            cross_entropy = functional.cross_entropy(logits, target)
        else:
            each = functional.cross_entropy(logits, target, reduction="none")
            cross_entropy = (each * mask).sum() / mask.sum().clamp_min(1)
        return ce_weight * cross_entropy + dice_weight * dice_loss(
            logits.softmax(1), target, reduction=dice_reduction, mask=mask
        )


def segmentation_loss_per_sample(
    logits: Tensor,
    label: Tensor,
    *,
    ce_weight: float = 0.5,
    dice_weight: float = 0.5,
    skip_absent: bool = False,
    mask: Tensor | None = None,
) -> Tensor:
    """`segmentation_loss` of each sample by itself, in float32 also under autocast.

    Args:
        logits: Raw network output, `(B, C, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`, or class probabilities `(B, C, X, Y, Z)` for a soft target.
        ce_weight: Weight of the cross-entropy, a mean over the voxels of a sample.
        dice_weight: Weight of the soft Dice loss, summed over the voxels of a sample.
        skip_absent: The Dice of a sample is the mean over the classes that its label holds, not over all.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        One loss per sample, `(B,)`; their mean is `segmentation_loss(dice_reduction="per_sample")` unless
        `skip_absent`.
    """
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.float()
        target = label if label.ndim == logits.ndim else _one_hot(label, logits.shape[1])
        axes = (2, 3, 4)
        each, probs = -(target * logits.log_softmax(1)).sum(1), logits.softmax(1)
        if mask is None:
            cross_entropy = each.mean((1, 2, 3))
        else:
            cross_entropy = (each * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)
            probs, target = probs * mask.unsqueeze(1), target * mask.unsqueeze(1)
        counted = ((target.sum(axes) > 0) | (not skip_absent)).float()
        dice = (_dice(probs, target, axes) * counted).sum(1) / counted.sum(1).clamp_min(1)
        dice = torch.where(counted.any(1), dice, 1.0)  # no voxel of the sample counts
        return ce_weight * cross_entropy + dice_weight * (1 - dice)


def _dice(probs: Tensor, target: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Soft Dice coefficients of two tensors `(B, C, X, Y, Z)`, sums over `axes`."""
    overlap = (probs * target).sum(axes)
    size = probs.square().sum(axes) + target.square().sum(axes)
    return (2 * overlap + _SMOOTH) / (size + _SMOOTH)


def _one_hot(label: Tensor, num_classes: int) -> Tensor:
    """Class indices `(B, X, Y, Z)` as float32 `(B, C, X, Y, Z)`."""
    return functional.one_hot(label.long(), num_classes).movedim(-1, 1).float()
