"""Losses of a Dirichlet distribution over class probabilities, given as evidence `e = alpha - 1`.

Sensoy et al., Evidential Deep Learning, NeurIPS 2018, arXiv:1806.01768. Digamma and lgamma want float32 or
better: in half precision an alpha near 1 has lost its evidence.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

from alcseg.losses.partial import masked_mean

__all__ = ["evidence_dice", "expected_cross_entropy", "wrong_evidence"]

_SMOOTH = 1e-5  # added to numerator and denominator of the Dice
_MOST = 1e4
"""Evidence beyond this counts as this in the general divergence, whose lgamma terms cancel digit by digit."""


def expected_cross_entropy(evidence: Tensor, label: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Mean over voxels of the cross-entropy expected under the Dirichlet, `psi(S) - psi(alpha_y)`.

    Args:
        evidence: At least 0, float32, `(B, K, X, Y, Z)`; -1, which is an alpha of 0, for a class that is
            merged into another.
        label: Class indices `(B, X, Y, Z)`.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Scalar above 0; it falls with evidence for the label and rises with evidence for other classes.
    """
    alpha = evidence + 1
    own = alpha.gather(1, label.long()[:, None])[:, 0]
    return masked_mean(alpha.sum(1).digamma() - own.digamma(), mask)


def wrong_evidence(evidence: Tensor, label: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Mean over voxels of KL(Dirichlet without the label's evidence || uniform Dirichlet).

    With `a = Y + (1 - Y) alpha` and `A = sum a`,

        KL = lnGamma(A) - lnGamma(K) - sum_k lnGamma(a_k) + sum_k (a_k - 1) (psi(a_k) - psi(A)).

    For two classes this is `ln(1 + e) - e / (1 + e)` with e the evidence of the wrong class.

    Args:
        evidence: At least 0, float32, `(B, K, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Scalar, 0 where no class but the label's has evidence.
    """
    classes = evidence.shape[1]
    right = functional.one_hot(label.long(), classes).movedim(-1, 1).bool()
    wrong = evidence.masked_fill(right, 0)
    if classes == 2:
        e = wrong.sum(1)
        return masked_mean(e.log1p() - e / (1 + e), mask)
    wrong = wrong.clamp(max=_MOST)
    alpha = wrong + 1
    total = alpha.sum(1)
    drift = (wrong * (alpha.digamma() - total.digamma()[:, None])).sum(1)
    return masked_mean(total.lgamma() - math.lgamma(classes) - alpha.lgamma().sum(1) + drift, mask)


def evidence_dice(evidence: Tensor, label: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """The public TBraTS code's Dice term: alpha itself in a Dice over foreground classes, summed.

    It is no Dice: it tends to -1 per class as evidence for the foreground grows without bound.

    Args:
        evidence: At least 0, float32, `(B, K, X, Y, Z)`.
        label: Class indices `(B, X, Y, Z)`.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None.
    """
    alpha = evidence[:, 1:] + 1
    target = functional.one_hot(label.long(), evidence.shape[1]).movedim(-1, 1)[:, 1:].to(alpha.dtype)
    if mask is not None:
        alpha, target = alpha * mask.unsqueeze(1), target * mask.unsqueeze(1)
    axes = (0, 2, 3, 4)
    overlap = (alpha * target).sum(axes)
    size = alpha.sum(axes) + target.sum(axes)
    return torch.sum(1 - (2 * overlap + _SMOOTH) / (size + _SMOOTH))
