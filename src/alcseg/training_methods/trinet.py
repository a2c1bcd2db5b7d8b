"""TriNet: of three networks, two choose the voxels that the third learns from.

Zhang, Yu, Hu, Lv and Gu, MICCAI 2020, doi:10.1007/978-3-030-59719-1_25. Three networks of one architecture
and different weights learn from the same batch. Each pair selects voxels for the third, so that no network
filters its own training signal:

    l_i(v) = -log p_i(v, y(v))                            of each network i
    m_i(v) = [l_i(v) is among the r n_c smallest of the n_c voxels of given class c = y(v)]
    M_k    = m_i m_j                                      with {i, j, k} = {1, 2, 3}
    L      = sum_k segmentation loss of network k over the voxels of M_k

The share r falls linearly from 1 to `keep_ratio` between two points of the run, because early losses tell
nothing.

Differences from the paper: its abstract states the principle (consensus and difference of the pair), its
weights per voxel were not at hand. `select=both_small` is the consensus; `select=small_gap` keeps voxels
where the pair's losses differ least, also where both find the label wrong. Chosen here: thresholds per class,
as one for all would drop the small structures first; Dice beside cross-entropy (`dice_weight=0` and
`ce_weight=1` leave it out); the three losses are summed, so each network keeps its learning rate; the mean
of the three class probabilities predicts, an ensembling gain at three times the cost. No true noise rate is
used.

Public code consulted to settle doubts: PyMIC (the default rule, ramp and share), SP_guided_Noisy_Label_Seg
(thresholds per class, the gap rule); they disagree, and neither is the authors'.

Cite: T. Zhang, L. Yu, N. Hu, S. Lv, S. Gu. Robust Medical Image Segmentation from Non-expert Annotations with
Tri-network. MICCAI 2020, LNCS 12264, 249-258.
"""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Literal, Self

import torch
from annotated_types import Interval
from pydantic import model_validator
from torch import Tensor, nn
from torch.nn import functional

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses.partial import masked_mean
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.networks.ensemble import SoftmaxMean
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import NotNegative, Share

__all__ = ["TriNet"]

Selection = Literal["both_small", "small_gap"]
Kept = Annotated[float, Interval(gt=0, le=1)]


class TriNetSettings(MethodSettings):
    """What can be set of TriNet."""

    select: Selection = "both_small"
    """Voxels with a small loss in both networks of the pair (`both_small`), or with a `small_gap` between
    their losses.
    """
    keep_ratio: Kept | tuple[Kept, ...] = 0.9
    """Share r of the voxels of a class that is kept at the end of the ramp, one for all classes or one per
    class, background first. With `both_small` two such shares intersect.
    """
    ramp_start_fraction: Share = 0.1
    """Share of the run before which every voxel is kept."""
    ramp_end_fraction: Share = 0.8
    """Share of the run at which r has fallen to `keep_ratio`."""
    ce_weight: NotNegative = 0.5
    """Weight of the cross-entropy in each network's loss."""
    dice_weight: NotNegative = 0.5
    """Weight of the soft Dice loss."""
    quality_aware: bool = False
    """Select among LQ voxels alone and add the loss on all HQ voxels; otherwise all cases are pooled and
    quality is unseen.
    """
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""
    eval_network: Literal["mean", "first"] = "mean"
    """Which predicts: the `mean` of the three probabilities or the `first` network."""

    @model_validator(mode="after")
    def _ramp_falls(self) -> Self:
        if self.ramp_start_fraction >= self.ramp_end_fraction:
            raise ValueError(
                "ramp_end_fraction: expected more than "
                f"method.ramp_start_fraction={self.ramp_start_fraction}, got {self.ramp_end_fraction}."
            )
        return self


class TriNet(Method[TriNetSettings]):
    """Three networks; each learns from the voxels that the other two support."""

    card = Card(
        "Zhang et al., MICCAI 2020", "three, each with voxels chosen by the others", "mean of the three"
    )
    streams: tuple[str, ...] = ("union",)
    terms = ("net1", "net2", "net3")
    incomplete_labels = True
    readings = ("kept", "kept_foreground", "overlap")

    def build_networks(self) -> None:
        """Three trained networks, each with its own random weights."""
        ratio = self.settings.keep_ratio
        self.keep_ratios = [*ratio] if isinstance(ratio, Sequence) else [ratio] * self.task.num_classes
        if len(self.keep_ratios) != self.task.num_classes:
            raise ConfigError(
                f"method.keep_ratio: expected one share or one for each of {self.task.num_classes} classes, "
                f"got {len(self.keep_ratios)}."
            )
        self.trio = SoftmaxMean(*(self.task.build_network() for _ in range(3)))

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`net1`, `net2`, `net3`: the loss of each network on the voxels that the others support."""
        given = batch["lq"] if self.settings.quality_aware else batch["union"]
        parts = [given, batch["hq"]] if self.settings.quality_aware else [given]
        outputs = [self.logits_of(network, *parts) for network in self.trio.networks]
        losses = [_voxel_loss(logits[: len(given)].detach(), given.label) for logits in outputs]
        masks = choose_voxels(losses, given.label, self._keep(), self.settings.select, known=given.known)
        self._note_masks(masks, given)
        terms = {}
        for name, logits, mask in zip(self.terms, outputs, masks, strict=True):
            terms[name] = self._segmentation(logits[: len(given)], given.label, mask)
            if self.settings.quality_aware:
                hq = batch["hq"]
                terms[name] = terms[name] + self._segmentation(logits[len(given) :], hq.label, hq.known)
        return terms

    def export_networks(self) -> dict[str, nn.Module]:
        """All three as one, or the first."""
        return {"model": self.trio if self.settings.eval_network == "mean" else self.trio.networks[0]}

    def build_exported(self, name: str) -> nn.Module:
        """As many as answer."""
        if self.settings.eval_network == "first":
            return self.task.build_network()
        return SoftmaxMean(*(self.task.build_network() for _ in range(3)))

    def _keep(self) -> list[float]:
        """Share of each class to keep at this step, r."""
        start, end = self.settings.ramp_start_fraction, self.settings.ramp_end_fraction
        progress = min(max((self.done / self.task.steps - start) / (end - start), 0.0), 1.0)
        return [1 - (1 - ratio) * progress for ratio in self.keep_ratios]

    def _segmentation(self, logits: Tensor, label: Tensor, mask: Tensor | None = None) -> Tensor:
        return segmentation_loss(
            logits,
            label,
            ce_weight=self.settings.ce_weight,
            dice_weight=self.settings.dice_weight,
            dice_reduction=self.settings.dice_reduction,
            mask=mask,
        )

    def _note_masks(self, masks: list[Tensor], given: Patches) -> None:
        """Shares kept, mean over the networks, and mean Jaccard index of two masks: 1 if all choose alike."""
        kept = torch.stack(masks).float().mean(0)
        foreground = given.label > 0
        if given.known is not None:
            foreground = foreground & given.known
        shared = [(a & b).sum() / (a | b).sum().clamp_min(1) for a, b in combinations(masks, 2)]
        self.note(
            kept=masked_mean(kept, given.known),
            kept_foreground=(kept * foreground).sum() / foreground.sum().clamp_min(1),
            overlap=torch.stack(shared).mean(),
        )


def choose_voxels(
    losses: list[Tensor],
    label: Tensor,
    keep: list[float],
    select: Selection,
    *,
    known: Tensor | None = None,
) -> list[Tensor]:
    """The mask M_k of each network, from the losses of the other two.

    Args:
        losses: Of each network, `(B, X, Y, Z)`.
        label: Class indices as given, `(B, X, Y, Z)`.
        keep: Share to keep of each class.
        select: `both_small` or `small_gap`.
        known: Voxels to choose from, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        Bool, `(B, X, Y, Z)` each.
    """
    known = torch.ones_like(label, dtype=torch.bool) if known is None else known
    pairs = [(1, 2), (0, 2), (0, 1)]
    if select == "small_gap":
        return [_smallest((losses[i] - losses[j]).abs(), label, keep, known) for i, j in pairs]
    small = [_smallest(loss, label, keep, known) for loss in losses]
    return [small[i] & small[j] for i, j in pairs]


def _smallest(value: Tensor, label: Tensor, keep: list[float], known: Tensor) -> Tensor:
    """Where `value` is among the share `keep[c]` of smallest known ones of its class c; ties are kept."""
    chosen = known.clone()
    for c, share in enumerate(keep):
        of_class = (label == c) & known
        values = value[of_class]
        if share < 1 and len(values):
            rank = max(1, math.ceil(round(share * len(values), 6)))  # 0.55 * 100 is a little over 55
            # Not `quantile`, which takes no more than 2^24 values.
            chosen &= ~of_class | (value <= values.kthvalue(rank).values)
    return chosen


def _voxel_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of each voxel, `(B, X, Y, Z)` float32; unbounded, as a bound ties the largest."""
    with torch.autocast(logits.device.type, enabled=False):
        return functional.cross_entropy(logits.float(), label.long(), reduction="none")
