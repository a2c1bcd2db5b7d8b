"""The given label of a case as evidence: moved to where a prediction sees the boundary, and weighed with it.

A prediction m gives one offset o_c and one width s_c per class (`offsets.py`). On clean labels the width is
r_c, the error of the network alone, so the drawn shape itself is off by

    sigma_c = sqrt(s_c^2 - r_c^2),    at least half a voxel.

The given label, drawn with that offset and that error, says of a voxel at signed distance d_c

    P(class c) = Phi((o_c - d_c) / sigma_c),    P(background) = prod_c (1 - P(class c)),

and the posterior over the classes k is q_k ~ m_k P(k). Where a label errs by its offset alone, sigma is small
and q is the label, moved. Where it errs in its shape, sigma is large and q leans on the prediction; for a
label that tells nothing q is the prediction, and its argmax the refined label of ALC.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alcseg.correction.offsets import Offsets, measure_agreement, offset_steps
from alcseg.distances import signed_distance
from alcseg.types import Spacing

__all__ = [
    "MIN_AGREEMENT",
    "STEPS_PER_VOXEL",
    "AlignedCase",
    "align",
    "label_distances",
    "posterior",
    "shape_error",
]

STEPS_PER_VOXEL = 2
"""Offsets tried per voxel."""

MIN_AGREEMENT = 0.3
"""Dice below which a label and a prediction have nothing to do with each other."""

_BOUNDLESS = 1e6  # mm
_SMALLEST = 1e-6  # of a probability, so that logarithms stay finite
_LOWEST = -1e4  # of a logarithm: that of no probability in float32, and less than any other sum


@dataclass(frozen=True, eq=False)
class AlignedCase:
    """A given label, aligned.

    Attributes:
        probs: Posterior q, `(K, X, Y, Z)` float32; its argmax is the aligned label.
        offsets: Of the one case, `(1, K - 1)`.
    """

    probs: Tensor
    offsets: Offsets


def align(
    probs: NDArray[np.float32],
    label: NDArray[np.unsignedinteger],
    spacing: Spacing,
    *,
    weigh: bool = True,
    blur_mm: float = 0.0,
    limit_voxels: float = 7.0,
    tolerance_voxels: float = 1.0,
) -> AlignedCase:
    """Align the given label of one case with a prediction.

    Args:
        probs: Class probabilities m, `(K, X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        weigh: False gives the moved label alone, as sharp as the grid allows; a class that agrees with the
            prediction at no offset stays where it is.
        blur_mm: r, the width found with clean labels of other cases; 0 takes all of it for an error of shape.
        limit_voxels: Largest offset that is tried, in voxels of the finest spacing.
        tolerance_voxels: Offsets up to this count as 0.
    """
    voxel = min(spacing)
    m = torch.from_numpy(probs)[None]
    distance = torch.from_numpy(label_distances(label, len(probs), spacing))[None]
    steps = offset_steps(limit_voxels * voxel, voxel / STEPS_PER_VOXEL)
    found = measure_agreement(m, distance, steps).best(tolerance_mm=tolerance_voxels * voxel)
    if weigh:
        return AlignedCase(posterior(m, distance, found.mm, shape_error(found, blur_mm, voxel))[0], found)
    offset = torch.where(found.dice >= MIN_AGREEMENT, found.mm, 0.0)
    sharp = torch.full_like(offset, voxel / 2)
    return AlignedCase(posterior(torch.ones_like(m), distance, offset, sharp)[0], found)


def shape_error(found: Offsets, blur_mm: Tensor | float, voxel_mm: float) -> Tensor:
    """The sigma in mm, `(B, K - 1)`: what of the width is not the network's blur, at least half a voxel.

    Where even the best offset agrees worse than `MIN_AGREEMENT` the label tells nothing: sigma has no bounds.
    """
    shape = (found.width_mm.square() - blur_mm**2).clamp_min((voxel_mm / 2) ** 2).sqrt()
    return torch.where(found.dice >= MIN_AGREEMENT, shape, _BOUNDLESS)


def label_distances(
    label: NDArray[np.unsignedinteger], num_classes: int, spacing: Spacing
) -> NDArray[np.float32]:
    """Signed distance in mm to the boundary of each foreground class, `(K - 1, X, Y, Z)`."""
    return np.stack([signed_distance(label == value, spacing) for value in range(1, num_classes)])


def posterior(probs: Tensor, distance: Tensor, offset: Tensor, shape: Tensor) -> Tensor:
    """The posterior q, `(B, K, X, Y, Z)`; sums to one over classes.

    Args:
        probs: Class probabilities m, `(B, K, X, Y, Z)`.
        distance: Signed distance in mm to the given boundary of each foreground class, `(B, K - 1, X, Y, Z)`.
        offset: In mm, `(B, K - 1)`, or one per voxel, of the shape of `distance`.
        shape: sigma in mm, `(B, K - 1)`.
    """
    reach = (_per_voxel(offset) - distance) / _per_voxel(shape)
    inside = torch.special.log_ndtr(reach)
    outside = torch.special.log_ndtr(-reach).sum(1, keepdim=True)
    given = torch.cat([outside, inside], 1).clamp_min(
        _LOWEST
    )  # a class that the label lacks is infinitely far
    return (probs.clamp_min(_SMALLEST).log() + given).softmax(1)


def _per_voxel(values: Tensor) -> Tensor:
    return values[..., None, None, None] if values.ndim == 2 else values
