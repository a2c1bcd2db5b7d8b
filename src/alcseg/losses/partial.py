"""Losses on labels that are not complete: voxels that nobody labeled, classes that nobody drew in a case.

A voxel that nobody labeled is left out of a mean. A class that was not drawn may be anywhere in what is
labeled background, whose probability is then the marginal one of background and these classes: with logits z
and the classes U that were not drawn,

    z'_0 = log(exp z_0 + sum of exp z_u over U),   z'_u = -10,000,   so   softmax(z')_0 = p_0 + sum of p_u
    over U.

Every loss of z' is the marginal loss of that kind. It is the same however probability is shared out among
background and U, so its gradient moves none from one to the other.

Source:
    Shi, Xiao, Chen and Zhou, Marginal loss and exclusion loss for partially supervised multi-organ
    segmentation, Medical Image Analysis 70, 101979, 2021, arXiv:2007.03868.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["joined", "masked_mean", "merge_undrawn"]

_NEVER = -1e4
"""Logit of a merged class; its probability is 0 in float32, and products with it are finite."""


def merge_undrawn(logits: Tensor, undrawn: Tensor | None) -> Tensor:
    """Logits whose softmax gives background the probabilities of the classes that were not drawn, too.

    Args:
        logits: `(B, K, X, Y, Z)`.
        undrawn: Classes that nobody drew in the case of each patch, bool, `(B, K)`; None where all were
            drawn.

    Returns:
        Same shape, float32; `logits` itself where all classes were drawn.
    """
    if undrawn is None:
        return logits
    hidden = undrawn.to(logits.device)[:, :, None, None, None].clone()
    hidden[:, 0] = False
    as_background = hidden.clone()
    as_background[:, 0] = True
    with torch.autocast(logits.device.type, enabled=False):
        logits = logits.float()
        background = logits.masked_fill(~as_background, -torch.inf).logsumexp(1, keepdim=True)
        return torch.cat([background, logits[:, 1:].masked_fill(hidden[:, 1:], _NEVER)], 1)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of a voxel map over the voxels that count; 0 where none does.

    Args:
        values: `(B, X, Y, Z)`.
        mask: Bool, same shape; all count where None.
    """
    if mask is None:
        return values.mean()
    return values.masked_fill(~mask, 0).sum() / mask.sum().clamp_min(1)


def joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    """Masks of several groups of patches as one; None where all count in each.

    Args:
        parts: All of them tensors `(B, ...)`, or all None.
    """
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None
