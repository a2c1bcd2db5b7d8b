"""2SRnT: confident learning finds label errors out of sample, a second training softens them.

Zhang et al., "Characterizing Label Errors: Confident Learning for Noisy-Labeled Image Segmentation", MICCAI
2020. Stage one splits the cases into folds and predicts each fold with a teacher that has not seen it.
Confident learning (Northcutt et al., JAIR 2021) compares these probabilities P with the given labels y,
estimates how many voxels of each class are mislabeled and flags as many that are least credible (F). Stage
two trains a student on all cases with softened targets (spatial label smoothing):

    y'_c = (1 - eps F) [c = y] + eps F [c = c*],    c* = argmax_{c != y} P_c
    L    = CE(p, y') / 2 + Dice(p, argmax y') / 2

Differences from the paper: cross-entropy and Dice in both stages, where the paper has cross-entropy alone;
each teacher trains for a share of the student's steps (`teacher_fraction`), so that all folds together cost
one more training; its last checkpoint answers, where the public code picks one on clean validation labels;
the threshold of each class is found exactly; a voxel whose given label is the predicted one is never flagged,
as in cleanlab. Quality-agnostic as the comparison papers group it; `quality_aware` keeps HQ cases in every
teacher's training set and never flags them.

Public code consulted to settle doubts: PyMIC, cleanlab, and on GitHub
502463708/Confident_Learning_for_Noisy-labeled_Medical_Image_Segmentation.

Cite: M. Zhang, J. Gao, Z. Lyu, et al. Characterizing Label Errors: Confident Learning for Noisy-Labeled Image
Segmentation. MICCAI 2020, doi:10.1007/978-3-030-59710-8_70.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from alcseg.correction.confident_learning import Prune, stream_label_issues
from alcseg.correction.soften import runner_up, soften
from alcseg.data.sampling import Patches
from alcseg.losses.partial import joined, masked_mean
from alcseg.losses.segmentation import DiceReduction, dice_loss, segmentation_loss
from alcseg.training_methods.base import Batch, Card, HeldOut, Method, MethodSettings, Stage
from alcseg.types import Share

__all__ = ["TwoStageRNT"]


class TwoStageRNTSettings(MethodSettings):
    """What can be set of 2SRnT."""

    folds: Annotated[int, Ge(2)] = 2
    """Teachers; each predicts the cases of its own fold."""
    teacher_fraction: Share = 0.5
    """Steps of a teacher as a share of the student's."""
    smoothing: Share = 0.8
    """Probability eps of a flagged voxel's other class; 0 keeps the label, 1 flips it."""
    prune: Prune = "prune_by_class"
    """How flagged voxels are chosen, `prune_by_class`, `prune_by_noise_rate` or `both`; with two classes all
    are the same.
    """
    quality_aware: bool = False
    """Never hold out, flag or count HQ cases."""
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""


class TwoStageRNT(Method[TwoStageRNTSettings]):
    """Two teachers find label errors in each other's cases; a student trains on softened labels."""

    card = Card("Zhang et al., MICCAI 2020", "2 teachers, then a student", "student")
    streams: tuple[str, ...] = ("union",)
    terms = ("sup",)
    incomplete_labels = True
    readings = ("flagged",)

    def plan_stages(
        self, streams: Mapping[str, Sequence[str]], groups: Mapping[str, str] | None = None
    ) -> list[Stage]:
        """A teacher per fold of the cases whose labels are in doubt, then the student.

        A teacher has seen no case of a group, such as a patient, that is in its fold.
        """
        group_of = {case: (groups or {}).get(case, case) for cases in streams.values() for case in cases}
        doubtful = sorted(streams["lq" if self.settings.quality_aware else "union"])
        dealt = list(dict.fromkeys(group_of[case] for case in doubtful))
        order = np.random.default_rng([self.task.seed, zlib.crc32(b"folds")]).permutation(len(dealt))
        steps = max(1, round(self.settings.teacher_fraction * self.task.steps))
        stages = []
        for fold in range(self.settings.folds):
            own = {dealt[index] for index in order[fold :: self.settings.folds]}
            held_out = tuple(case for case in doubtful if group_of[case] in own)
            others = frozenset(case for case, group in group_of.items() if group not in own)
            stages.append(Stage(f"teacher-{fold}", steps, others, held_out))
        return [*stages, Stage("", self.task.steps, relabeled=True)]

    def build_networks(self) -> None:
        """One network: a teacher's or the student's."""
        self.network = self.task.build_network()

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`sup`: on given labels for a teacher, on softened ones for the student."""
        parts = list(batch.values())
        logits = self.logits_of(self.network, *parts)
        if self.task.stage:
            label, known = torch.cat([patches.label for patches in parts]), joined([p.known for p in parts])
            reduction = self.settings.dice_reduction
            return {"sup": segmentation_loss(logits, label, dice_reduction=reduction, mask=known)}
        return {"sup": self._softened_loss(logits, parts)}

    def hand_on(self, held_out: HeldOut) -> Iterator[tuple[str, NDArray[np.unsignedinteger]]]:
        """Given label y; where flagged, `y + K (1 + c*)`, which also says the class it moves to."""
        classes = self.task.num_classes
        chunks = _Chunks(held_out)
        flags = stream_label_issues(chunks, num_classes=classes, prune=self.settings.prune)
        for (case_id, _, given, known), (label, probs), flag in zip(held_out, chunks, flags, strict=True):
            code = torch.where(flag, label + classes * (1 + runner_up(label, probs)), label)
            whole = given.astype(np.min_scalar_type(classes * (classes + 1)))
            whole[... if known is None else known] = code.numpy().reshape(
                whole.shape if known is None else -1
            )
            yield case_id, whole

    def export_networks(self) -> dict[str, nn.Module]:
        """The only network."""
        return {"model": self.network}

    def _softened_loss(self, logits: Tensor, parts: list[Patches]) -> Tensor:
        """Cross-entropy on softened targets, Dice on their most probable class."""
        classes, smoothing = self.task.num_classes, self.settings.smoothing
        code = torch.cat([patches.label for patches in parts])
        flagged = code >= classes
        label, replacement = code % classes, torch.where(flagged, code // classes - 1, code)
        known = joined([patches.known for patches in parts])
        self.note(flagged=masked_mean(flagged.float(), known))
        target = soften(label, flagged, replacement, smoothing, num_classes=classes)
        hard = replacement if smoothing > 0.5 else label
        with torch.autocast(logits.device.type, enabled=False):
            logits = logits.float()
            if known is None:
                cross_entropy = functional.cross_entropy(logits, target)
            else:
                cross_entropy = masked_mean(functional.cross_entropy(logits, target, reduction="none"), known)
            dice = dice_loss(logits.softmax(1), hard, reduction=self.settings.dice_reduction, mask=known)
            return 0.5 * cross_entropy + 0.5 * dice


class _Chunks:
    """Held-out cases as (label, probabilities), as often as they are asked for.

    They are `(1, X, Y, Z)` and `(1, K, X, Y, Z)`; of a case in which nobody labeled some voxels `(N,)` and
    `(N, K)` of the others.
    """

    def __init__(self, held_out: HeldOut) -> None:
        self.held_out = held_out

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _, probs, label, known in self.held_out:
            if known is None:
                yield torch.from_numpy(label).long()[None], torch.from_numpy(probs)[None]
            else:
                there = np.ascontiguousarray(probs[:, known].T)
                yield torch.from_numpy(label[known]).long(), torch.from_numpy(there)
