"""MS-TFAL: doubt volumes, patches and voxels whose label does not follow the features of adjacent slices.

Cui et al., Rectifying Noisy Labels with Sequential Prior, MICCAI 2023. Voxels of one class should have alike
features in adjacent slices, voxels of different classes should not. With S+ and S- the mean cosine of a voxel
to those of its own class and of the others in the next slice (`correction/affinity.py`), a patch i has the
confidence conf_i = avg S+ + 1 - avg S-, a volume v the running mean c_v of its patches', and the loss is

    (1/B) sum_i a_i b_v L_i,    a_i = exp(2 (conf_i - mean_v c_v)),    b_v from 0.4 to 1 by the rank of c_v.

b joins at 12 % of the steps and a at 20 %. From 28 % on, patches of the least confident volumes have the
weight 0.7 instead, and voxels that are at once among the lowest S+ and the highest S- of their slice take the
label of a frozen corrector.

Differences from the paper: it is about 2D video. A volume is its video, a patch its clip and a slice along
the patch's last axis its frame; one 3D pass gives the features of all slices, at full resolution. They are
those that the network's last convolution reads. Averages are over classes (`balanced`), since background
decides a mean over voxels; slice pairs of a single class are left out instead of giving no number. c_v is a
running mean over training patches (0.98) instead of a sweep over all frames per epoch, ranked every 100 steps
or, in short runs, every 25th of the steps; a_i is clipped to [1/e, e]. The rank formula gives the code's
table for 15 volumes. The corrector is a copy of the trained weights, renewed every 25th of the steps; the
code takes the best checkpoint on validation data, which partly are test data there, and nothing here selects
by validation. L_i is half cross-entropy, half Dice of the patch; `ohem` is the code's loss, its hard voxels
sought patch by patch since each patch has its weight. Network, optimizer and batch are those of the other
methods here. `quality_aware` is an addition, off by default. Label noise that is alike in adjacent slices
shows in features alone, so expect less of this than in video.

Public code consulted to settle doubts: BeileiCui/MS-TFAL.

Cite: Cui, Zhang, Bai, Islam and Ren, Rectifying Noisy Labels with Sequential Prior: Multi-Scale Temporal
Feature Affinity Learning for Robust Video Segmentation, MICCAI 2023.
"""

import copy
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from alcseg.correction.affinity import patch_confidence, suspicious_voxels, volume_weights
from alcseg.losses.partial import joined, merge_undrawn
from alcseg.losses.segmentation import segmentation_loss_per_sample
from alcseg.networks.features import WithFeatures
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import BelowOne, Count, NotNegative, Share

__all__ = ["MSTFAL"]

_REFRESHES = 25
"""Epochs of the paper's training: how often a run renews its corrector and, at least, its ranking."""


class MSTFALSettings(MethodSettings):
    """What can be set of MS-TFAL."""

    volume_start_fraction: Share = 0.12
    """Share of the run before volumes are weighed."""
    patch_start_fraction: Share = 0.20
    """Share of the run before patches are weighed."""
    voxel_start_fraction: Share = 0.28
    """Share of the run before voxels are relabeled."""
    relabel_fraction: Share = 0.2
    """Share of the volumes, the least confident, whose voxels are; raise it where most labels are of low
    quality.
    """
    voxel_fraction: Share = 0.3
    """Share of a slice's voxels with the lowest S+, and of those with the highest S-, in whose intersection
    they are.
    """
    relabel_weight: NotNegative = 0.7
    """Weight of these volumes' patches."""
    exponent: NotNegative = 2.0
    """Of the patch weight."""
    confidence_decay: BelowOne = 0.98
    """Of the running confidence of a volume."""
    rank_every: Count = 100
    """Steps between rankings; at most steps/25."""
    balanced: bool = True
    """Average affinities class by class instead of over voxels."""
    ohem: bool = False
    """Cross-entropy over hard voxels (probability below 0.7, at least 1/64 of the patch) as the loss."""
    quality_aware: bool = False
    """HQ patches have weight 1 and are never relabeled or ranked."""


class MSTFAL(Method[MSTFALSettings]):
    """Weights per volume and patch, and relabeled voxels, from affinities of adjacent slices."""

    card = Card("Cui et al., MICCAI 2023", "one, frozen corrector", "the trained one")
    streams: tuple[str, ...] = ("union",)
    terms = ("sup",)
    incomplete_labels = True
    readings = ("confidence", "relabeled")

    def build_networks(self) -> None:
        """A trained network and a frozen copy, unused before voxels are relabeled."""
        self.network = self.task.build_network()
        self.corrector = copy.deepcopy(self.network).requires_grad_(False)
        self.confidence: dict[str, float] = {}  # running, by case
        self.ranked: dict[str, float] = {}  # as it was at the last ranking
        self.trusted: list[str] = []  # cases of the HQ stream

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`sup`: the loss per patch, weighed by volume and patch, on given or relabeled voxels."""
        settings = self.settings
        every = max(1, self.task.steps // _REFRESHES)
        if self.done % min(settings.rank_every, every) == 0:
            self.ranked = dict(self.confidence)
        voxel_start = round(settings.voxel_start_fraction * self.task.steps)
        relabels = self.done >= voxel_start
        if relabels and (self.done - voxel_start) % every == 0:
            self.corrector.load_state_dict(self.network.state_dict())

        image = torch.cat([patches.image for patches in batch.values()])
        label = torch.cat([patches.label for patches in batch.values()])
        case_ids = [case_id for patches in batch.values() for case_id in patches.case_ids]
        if settings.quality_aware:
            self.trusted = sorted({*self.trusted, *batch["hq"].case_ids})
        watched = _WithAffinity(
            self.network,
            self.task.num_classes,
            balanced=settings.balanced,
            voxel_share=settings.voxel_fraction if relabels else 0.0,
        )
        known, undrawn = (
            joined([getattr(patches, name) for patches in batch.values()]) for name in ("known", "undrawn")
        )
        inputs = (image, label) if known is None else (image, label, known)
        logits, confidence, suspicious = self.spread(watched, *inputs)
        logits = merge_undrawn(logits, undrawn)
        confidence = confidence.tolist()
        self._watch(case_ids, confidence)

        doubted = self._doubted() if relabels else set()
        picked = [index for index, case_id in enumerate(case_ids) if case_id in doubted]
        relabeled = suspicious[picked].bool()
        if picked:
            label = label.clone()
            said = self._corrected(image[picked], None if undrawn is None else undrawn[picked])
            label[picked] = torch.where(relabeled, said, label[picked])
        count = label.numel() if known is None else known.sum().clamp_min(1)
        self.note(relabeled=relabeled.sum() / count)
        weight = torch.tensor(self._weights(case_ids, confidence, doubted), device=logits.device)
        return {"sup": (weight * self._losses(logits, label, known)).mean()}

    def export_networks(self) -> dict[str, nn.Module]:
        """The trained network."""
        return {"model": self.network}

    def state_beside_weights(self) -> dict[str, Any]:
        """Confidences, and whose are not watched."""
        kept = {"confidence": dict(self.confidence), "ranked": dict(self.ranked), "trusted": [*self.trusted]}
        return {"ms_tfal": kept}

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Go on from them."""
        kept = state["ms_tfal"]
        self.confidence, self.ranked, self.trusted = kept["confidence"], kept["ranked"], kept["trusted"]

    def _watch(self, case_ids: list[str], confidence: list[float]) -> None:
        """Update running confidences by the patches that have one; the first one of a case sets it."""
        decay = self.settings.confidence_decay
        for case_id, value in zip(case_ids, confidence, strict=True):
            if not math.isnan(value):
                before = self.confidence.get(case_id, value)
                self.confidence[case_id] = decay * before + (1 - decay) * value
        known = [value for value in confidence if not math.isnan(value)]
        if known:
            self.note(confidence=sum(known) / len(known))

    def _weight_of_volume(self) -> dict[str, float]:
        """The b of each case, lowest rank first, without cases unseen at the last ranking."""
        return volume_weights({key: value for key, value in self.ranked.items() if key not in self.trusted})

    def _doubted(self) -> set[str]:
        """Cases whose voxels are relabeled."""
        order = list(self._weight_of_volume())
        return set(order[: round(self.settings.relabel_fraction * len(order))])

    def _weights(self, case_ids: list[str], confidence: list[float], doubted: set[str]) -> list[float]:
        """Weight of each patch at this step."""
        settings = self.settings
        of_volume: dict[str, float] = {}
        if self.done >= round(settings.volume_start_fraction * self.task.steps):
            of_volume = self._weight_of_volume()
        mean = sum(self.ranked.values()) / len(self.ranked) if self.ranked else math.nan
        weighs_patches = self.done >= round(settings.patch_start_fraction * self.task.steps)
        weights = []
        for case_id, value in zip(case_ids, confidence, strict=True):
            above = settings.exponent * (value - mean)
            if case_id in doubted:
                weights.append(settings.relabel_weight)
            elif weighs_patches and case_id not in self.trusted and not math.isnan(above):
                weights.append(of_volume.get(case_id, 1.0) * math.exp(min(max(above, -1.0), 1.0)))
            else:
                weights.append(of_volume.get(case_id, 1.0))
        return weights

    def _corrected(self, image: Tensor, undrawn: Tensor | None) -> Tensor:
        """The corrector's classes, `(B, X, Y, Z)`."""
        self.corrector.eval()
        with torch.no_grad():
            return merge_undrawn(self.spread(self.corrector, image), undrawn).argmax(1)

    def _losses(self, logits: Tensor, label: Tensor, known: Tensor | None = None) -> Tensor:
        """Loss of each patch, `(B,)`, float32."""
        if not self.settings.ohem:
            return segmentation_loss_per_sample(logits, label, mask=known)
        with torch.autocast(logits.device.type, enabled=False):
            each = functional.cross_entropy(logits.float(), label, reduction="none").flatten(1)
            there = torch.ones_like(each) if known is None else known.flatten(1).float()
            fewest = torch.div(there.sum(1), 64, rounding_mode="floor").clamp_min(1)
            each = each * there
            first = torch.arange(each.shape[1], device=each.device) < fewest[:, None]
            hardest = (each.sort(1, descending=True).values * first).sum(1) / fewest
            hard = (each > -math.log(0.7)).float()
            over_hard = (each * hard).sum(1) / hard.sum(1).clamp_min(1)
            return torch.where(hard.sum(1) < fewest, hardest, over_hard)


class _WithAffinity(nn.Module):
    """Image and label to logits, confidence of each patch, and its suspicious voxels as 0 or 1.

    Features stay inside: they are many times the size of what follows from them.
    """

    def __init__(self, network: nn.Module, num_classes: int, *, balanced: bool, voxel_share: float) -> None:
        super().__init__()
        self.network = WithFeatures(network)
        self.num_classes = num_classes
        self.balanced = balanced
        self.voxel_share = voxel_share

    def forward(
        self, image: Tensor, label: Tensor, known: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """`(B, K, X, Y, Z)`, `(B,)` and `(B, X, Y, Z)` uint8; the last two without gradient."""
        logits, features = self.network(image)
        confidence = torch.full([len(label)], math.nan, device=image.device)
        suspicious = torch.zeros_like(label, dtype=torch.uint8)
        for index, (one, given) in enumerate(zip(features.detach(), label, strict=True)):
            there = None if known is None else known[index]
            confidence[index] = patch_confidence(
                one, given, self.num_classes, balanced=self.balanced, known=there
            )
            if self.voxel_share > 0:
                suspicious[index] = suspicious_voxels(
                    one, given, self.num_classes, self.voxel_share, known=there
                )
        return logits, confidence, suspicious
