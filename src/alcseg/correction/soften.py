"""Soft targets from a label of which some voxels are under suspicion."""

import torch
from torch import Tensor

__all__ = ["runner_up", "soften"]


def runner_up(label: Tensor, probs: Tensor) -> Tensor:
    """The most probable class beside the given one, `(B, X, Y, Z)`; the lowest index on ties.

    Args:
        label: Given class indices, `(B, X, Y, Z)`.
        probs: Class probabilities, `(B, K, X, Y, Z)`.
    """
    best = torch.full_like(probs[:, 0], -torch.inf)
    second = torch.zeros_like(label)
    for candidate in range(probs.shape[1]):
        better = (label != candidate) & (probs[:, candidate] > best)
        best = torch.where(better, probs[:, candidate], best)
        second = torch.where(better, candidate, second)
    return second


def soften(
    label: Tensor, flags: Tensor, replacement: Tensor, share: float | Tensor, *, num_classes: int
) -> Tensor:
    """Move a share of each flagged voxel's label to another class.

        y'_c = (1 - share F) [c = label] + share F [c = replacement]

    Args:
        label: Given class indices, `(B, X, Y, Z)`.
        flags: F, the voxels under suspicion, bool, same shape.
        replacement: Class index each flagged voxel moves towards, same shape; see `runner_up`.
        share: How far, from 0 (keep the label) to 1 (replace it); one number, or one per voxel.
        num_classes: K, background counted.

    Returns:
        Class probabilities, float32, `(B, K, X, Y, Z)`.

    Source:
        Zhang et al., MICCAI 2020 (spatial label smoothing); Xu et al., IEEE TMI 41(11), 2022.
    """
    moved = flags.float() * share
    target = torch.empty((len(label), num_classes, *label.shape[1:]), device=label.device)
    for index in range(num_classes):
        target[:, index] = torch.where(label == index, 1 - moved, 0.0)
        target[:, index] += torch.where(replacement == index, moved, 0.0)
    return target
