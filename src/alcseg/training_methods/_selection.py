"""Which patches of a batch are trusted."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from alcseg.correction.refine import Refined

__all__ = ["least_uncertain", "patch_uncertainty"]

_FOREGROUND_MARGIN = 3  # voxels around the refined foreground that count under region="foreground"


def patch_uncertainty(
    refined: Refined, *, region: Literal["patch", "foreground"] = "patch", mask: Tensor | None = None
) -> Tensor:
    """Mean uncertainty of each patch, `(B,)`.

    Args:
        refined: What the passes say.
        region: `patch`: all voxels, which favors patches with little foreground; `foreground`: voxels within
            3 of the refined foreground, infinity where there is none.
        mask: Voxels that count, bool, `(B, X, Y, Z)`; all where None. A patch without any is infinitely
            uncertain.
    """
    axes = (1, 2, 3)
    if region == "patch":
        if mask is None:
            return refined.uncertainty.mean(axes)
        near = mask.float()
    else:
        there = refined.label > 0
        foreground = (there if mask is None else there & mask).float().unsqueeze(1)
        width = 2 * _FOREGROUND_MARGIN + 1
        near = functional.max_pool3d(foreground, width, stride=1, padding=_FOREGROUND_MARGIN).squeeze(1)
        near = near if mask is None else near * mask
    count = near.sum(axes)
    mean = (refined.uncertainty * near).sum(axes) / count.clamp_min(1)
    return torch.where(count > 0, mean, torch.inf)


def least_uncertain(score: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Split a batch by uncertainty.

    Args:
        score: `(B,)`, lower is surer.
        fraction: Share to select, at least one patch.

    Returns:
        Indices of the selected patches and of the others.
    """
    count = max(1, round(fraction * len(score)))
    order = score.argsort(stable=True)
    return order[:count], order[count:]
