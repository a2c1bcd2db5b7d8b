"""The given label of a case as evidence: moved to where a prediction sees the boundary, or weighed with it.

A prediction m gives one offset o_c per class, the Dice D_c of the moved label with it, and the width s_c
within which it changes across the moved boundary (`offsets.py`). Clean labels of other cases tell what the
network is to blame for: they agree with its predictions by R_c on average, within a width r_c.

**A label that errs by its offset alone** agrees, once moved, as well as a clean one: D_c >= R_c - 0.05. It is
moved, and nothing else is done to it. One case may be hard for the network whatever its label, so a set is
asked first: if the median of its D_c is at least R_c - 0.05 it errs by offsets, and D_c >= R_c - 0.1 is
enough for each of its labels; if it is less, none of them is moved. Where the clean labels are those that the
network was trained on, R_c is too high, and both bounds are twice as wide.

**Any other label** errs in its shape as well, by

    sigma_c = sqrt(s_c^2 - r_c^2),    at least half a voxel,

and here and there it is plainly wrong: with probability g = 0.3 it says any of the classes that it has, each
as likely. Of a voxel at signed distance d_c each boundary says "inside" with probability
Phi_c = Phi((o_c - d_c) / sigma_c), whatever the others say; given that it is inside of one class at most,

    S(class c) ~ Phi_c / (1 - Phi_c),    S(background) ~ 1,    P(k) = (1 - g) S(k) + g / n

with n classes in the label, and the posterior over the classes k is q_k ~ m_k P(k). A label that tells
nothing, sigma without bounds, leaves m as it is. Without g a slice that is missing could not be told from
background: deep outside of the drawn boundary Phi is nothing, however sure the network is.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alcseg.correction.offsets import Offsets, measure_classes, move_label, offset_steps
from alcseg.correction.refine import most_probable
from alcseg.distances import class_distances, signed_distance
from alcseg.types import LabelMap, Mask, Spacing

__all__ = [
    "GROSS_SHARE",
    "LEARNT_TOLERANCE",
    "LIMIT_VOXELS",
    "MIN_AGREEMENT",
    "STEPS_PER_VOXEL",
    "TOLERANCE",
    "TOLERANCE_VOXELS",
    "CleanLabels",
    "Target",
    "aligned_label",
    "errs_by_offset",
    "posterior",
    "see_label",
    "see_offsets",
    "set_tolerance",
    "shape_error",
]

Target = Literal["aligned", "moved", "posterior"]
"""`moved` moves every label, `posterior` weighs it with the prediction, `aligned` decides by case."""

STEPS_PER_VOXEL = 2
"""Offsets tried per voxel."""

LIMIT_VOXELS = 7.0
"""Largest offset that is tried, in voxels of the finest spacing."""

TOLERANCE_VOXELS = 1.0
"""Offsets up to this count as 0."""

TOLERANCE = 0.05
"""A moved label whose Dice with the prediction is less than this below that of clean ones is as good."""

LEARNT_TOLERANCE = 0.1
"""The same where the clean labels are those that the network was trained on."""

GROSS_SHARE = 0.3
"""The g above."""

MIN_AGREEMENT = 0.3
"""Dice below which a label and a prediction have nothing to do with each other."""

_BOUNDLESS = 1e6  # mm
_SMALLEST = 1e-6  # of a probability, so that logarithms stay finite


@dataclass(frozen=True, eq=False)
class CleanLabels:
    """How a network sees clean labels, per foreground class, `(K - 1,)`.

    Attributes:
        agreement: R, mean Dice of its predictions with them.
        blur_mm: r, mean width in mm within which its predictions change across their boundaries.
    """

    agreement: Tensor
    blur_mm: Tensor

    @classmethod
    def of(cls, found: Offsets) -> "CleanLabels":
        """From clean labels and predictions of several cases; a class that none of them has gets 0 and 0."""
        there = found.present.float()
        share = there / there.sum(0).clamp_min(1)
        return cls((found.dice * share).sum(0), (found.width_mm * share).sum(0))


def see_label(
    probs: NDArray[np.float32], label: LabelMap, spacing: Spacing, known: Mask | None = None
) -> tuple[Offsets, Tensor]:
    """What a prediction says of the given label of one case, and how far voxels lie from its boundaries.

    Args:
        probs: Class probabilities m, `(K, X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        known: Voxels that somebody labeled, bool, `(X, Y, Z)`; None for all.

    Returns:
        Offsets of a batch of one, and signed distances in mm, `(1, K - 1, X, Y, Z)`, infinite in voxels that
        nobody labeled.
    """
    distance = torch.from_numpy(class_distances(label, len(probs), spacing, known=known))[None]
    return _offsets(probs, distance.unbind(1), spacing, known), distance


def see_offsets(
    probs: NDArray[np.float32], label: LabelMap, spacing: Spacing, known: Mask | None = None
) -> Offsets:
    """The offsets of `see_label` alone, with the distances of one class in memory at a time."""
    distances = (
        torch.from_numpy(signed_distance(label == value, spacing, known=known))[None]
        for value in range(1, len(probs))
    )
    return _offsets(probs, distances, spacing, known)


def _offsets(
    probs: NDArray[np.float32], distances: Iterable[Tensor], spacing: Spacing, known: Mask | None
) -> Offsets:
    """What a prediction says of a label whose classes lie so far away, each `(1, X, Y, Z)`."""
    voxel = min(spacing)
    steps = offset_steps(LIMIT_VOXELS * voxel, voxel / STEPS_PER_VOXEL)
    there = None if known is None else torch.from_numpy(np.ascontiguousarray(known))[None]
    predicted = most_probable(torch.from_numpy(probs)[None])
    seen = measure_classes(predicted, distances, steps, known=there)
    return seen.best(tolerance_mm=TOLERANCE_VOXELS * voxel)


def aligned_label(
    probs: Tensor,
    distance: Tensor,
    found: Offsets,
    clean: CleanLabels,
    voxel_mm: float,
    *,
    target: Target,
    tolerance: float = TOLERANCE,
) -> Tensor:
    """What patches learn from, `(B, X, Y, Z)` int64.

    Args:
        probs: Class probabilities m, `(B, K, X, Y, Z)`.
        distance: Signed distance in mm to the given boundary of each foreground class, `(B, K - 1, X, Y, Z)`.
        found: Of the cases that the patches are from.
        clean: How the network sees clean labels.
        voxel_mm: Finest spacing.
        target: Which of them.
        tolerance: By how much a label that errs by its offset alone may agree less than clean ones.
    """
    if target == "moved":
        return move_label(distance, found.mm)
    shape = shape_error(found, clean.blur_mm, voxel_mm)
    weighed = most_probable(posterior(probs, distance, found.mm, shape, GROSS_SHARE))
    if target == "posterior":
        return weighed
    moves = errs_by_offset(found, clean, tolerance)[:, None, None, None]
    return torch.where(moves, move_label(distance, found.mm), weighed)


def errs_by_offset(found: Offsets, clean: CleanLabels, tolerance: float = TOLERANCE) -> Tensor:
    """Whether each label, moved, agrees with the prediction as well as clean ones do, `(B,)` bool.

    Every class that the label has must agree.
    """
    return ((found.dice >= clean.agreement - tolerance) | ~found.present).all(1)


def set_tolerance(found: Offsets, clean: CleanLabels, *, learnt: bool = False) -> float:
    """The tolerance for each label of a set: wide if the set errs by offsets, minus infinity if it does not.

    Args:
        found: Of all cases of the set.
        clean: How the network sees clean labels.
        learnt: Whether they are labels that it was trained on, and so agree with it better than others would.
    """
    tolerance = LEARNT_TOLERANCE if learnt else TOLERANCE
    medians = torch.where(found.present, found.dice, torch.nan).nanquantile(0.5, 0)
    agrees = (medians >= clean.agreement - tolerance) | medians.isnan()
    return 2 * tolerance if bool(agrees.all()) else -math.inf


def shape_error(found: Offsets, blur_mm: Tensor | float, voxel_mm: float) -> Tensor:
    """The sigma in mm, `(B, K - 1)`: what of the width is not the network's blur, at least half a voxel.

    Where even the best offset agrees worse than `MIN_AGREEMENT` the label tells nothing: sigma has no bounds.
    """
    shape = (found.width_mm.square() - blur_mm**2).clamp_min((voxel_mm / 2) ** 2).sqrt()
    return torch.where(found.dice >= MIN_AGREEMENT, shape, _BOUNDLESS)


def posterior(probs: Tensor, distance: Tensor, offset: Tensor, shape: Tensor, gross: float = 0.0) -> Tensor:
    """The posterior q, `(B, K, X, Y, Z)`; sums to one over classes.

    A class that the given label lacks, infinitely far everywhere, has none.

    Args:
        probs: Class probabilities m, `(B, K, X, Y, Z)`.
        distance: Signed distance in mm to the given boundary of each foreground class, `(B, K - 1, X, Y, Z)`.
        offset: In mm, `(B, K - 1)`.
        shape: sigma in mm, `(B, K - 1)`.
        gross: g, the share of voxels of which the label tells nothing.
    """
    offset, shape = offset[..., None, None, None], shape[..., None, None, None]
    reach = (offset - distance) / shape
    odds = torch.special.log_ndtr(reach) - torch.special.log_ndtr(-reach)
    odds = odds.clamp_max(torch.finfo(odds.dtype).max)  # infinite in a class that fills the volume
    odds = torch.cat([torch.zeros_like(odds[:, :1]), odds], 1)
    has = ~odds.isneginf()
    given = (1 - gross) * odds.softmax(1) + gross * has / has.sum(1, keepdim=True)
    weighed = probs.clamp_min(_SMALLEST) * given
    return weighed / weighed.sum(1, keepdim=True)
