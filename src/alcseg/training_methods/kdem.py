"""KDEM: knowledge distillation and entropy minimization between two branches.

Dolz, Desrosiers and Ben Ayed, IPMI 2021, arXiv:2012.08051; Liu, Desrosiers, Ben Ayed and Dolz, MedIA 2022,
arXiv:2109.10902. Two branches stand on one trunk. The upper one, the teacher, learns from HQ labels. The
lower one, the student, learns a little from all labels, follows the teacher, and is made confident on LQ
images; following the teacher keeps it from becoming confident of nothing but background:

    L = L_seg(P^T_H, y_H) + 0.1 (L_seg(P^S_H, y_H) + L_seg(P^S_L, y_L))
        + T^2 KL(softmax(z^T_H / T) || softmax(z^S_H / T)) + mean(-sum_k P^S_L ln P^S_L) / K

The student predicts. All weights are trained by gradients; nothing is averaged over steps.

Differences from the paper: the dense LQ labels take the place of scribbles, and HQ labels that of the weak
labels of fully labeled images; Dice joins the cross-entropy; the weight of the entropy rises linearly over
the first tenth of the run; SGD as for all methods here instead of Adam. The KL divergence is that of the
description, from a fixed teacher to the student, with one softmax. The public code divides probabilities by T
and takes a second softmax, has the direction reversed and the teacher not fixed, and weighs it by 20;
`kd_form=probs` is that. Distillation acts on HQ patches as in the code (`kd_on=all`: on LQ too), the entropy
on LQ patches as in the description; the code takes all images, some of them repeatedly.
`quality_aware=false` is an addition: every patch plays both parts.

Public code consulted to settle doubts: josedolz/MSL-student-becomes-master, by-liu/ConfKD.

Cite: B. Liu, C. Desrosiers, I. Ben Ayed and J. Dolz. Segmentation with mixed supervision: confidence
maximization helps knowledge distillation. Medical Image Analysis 83:102670, 2023.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.losses.partial import joined, masked_mean, merge_undrawn
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.networks.two_branches import TwoBranches, single_path
from alcseg.networks.vnet import SplitAt
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import NotNegative, Positive, Share

__all__ = ["KDEM"]

_PROBS_FORM_WEIGHT = 20.0
"""Of the public code's distillation; with it both forms are alike near p = 1/2."""


class KDEMSettings(MethodSettings):
    """What can be set of KDEM."""

    weak_weight: NotNegative = 0.1
    """Weight of the student's label terms."""
    kd_weight: NotNegative = 1.0
    """Weight of the distillation."""
    temperature: Positive = 2.0
    """Of the distillation."""
    entropy_weight: NotNegative = 1.0
    """Weight of the entropy after its ramp-up."""
    entropy_ramp_fraction: Share = 0.1
    """Share of the run over which that weight rises linearly."""
    kd_on: Literal["hq", "all"] = "hq"
    """Distill on `hq` patches or on `all`; without the quality of labels always on all."""
    kd_form: Literal["logits", "probs"] = "logits"
    """KL(teacher || student) of `logits` with a fixed teacher, or of `probs` as in the public code: a second
    softmax, KL(student || teacher), gradients into both branches, 20 times the weight.
    """
    quality_aware: bool = True
    """False hides the quality of labels: every patch plays both parts."""
    split_at: SplitAt = "first_up"
    """Where trunk and branches part: after the `bottleneck`, after the `first_up`-sampling, or before the
    `head`.
    """
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""


class KDEM(Method[KDEMSettings]):
    """A student branch follows a teacher branch that knows HQ labels alone, and is made confident on LQ."""

    card = Card(
        "Liu, Desrosiers, Ben Ayed and Dolz, MedIA 2022", "one trunk with two branches", "the student branch"
    )
    streams: tuple[str, ...] = ("hq", "lq")
    terms = ("hq", "weak", "kd", "ent")
    incomplete_labels = True

    def build_networks(self) -> None:
        """The teacher is the upper branch, the student the lower; the teacher sees LQ if `kd_on` says so."""
        streams = len(self.streams)
        taught = 1 if self.settings.kd_on == "hq" else streams
        self.network = TwoBranches(
            self.task.build_network,
            self.settings.split_at,
            upper_on=range(taught),
            lower_on=range(streams),
        )

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq`: the teacher's labels; `weak`: the student's labels; `kd`: distillation; `ent`: entropy."""
        patches = [batch[stream] for stream in self.streams]
        outputs = self.spread(self.network, *(part.image for part in patches))
        teacher, student = (
            [merge_undrawn(logits, part.undrawn) for logits, part in zip(branch, patches, strict=False)]
            for branch in (outputs[: -len(patches)], outputs[-len(patches) :])
        )
        on_labels = [self._segmentation(logits, part) for logits, part in zip(student, patches, strict=True)]
        return {
            "hq": self._segmentation(teacher[0], patches[0]),
            "weak": torch.stack(on_labels).sum(),
            "kd": distillation_loss(
                torch.cat(teacher),
                torch.cat(student[: len(teacher)]),
                temperature=self.settings.temperature,
                form=self.settings.kd_form,
                mask=joined([part.known for part in patches[: len(teacher)]]),
            ),
            "ent": entropy_loss(student[-1], mask=patches[-1].known),
        }

    def term_weights(self) -> dict[str, float]:
        """The entropy ramps up, so that the first, nearly empty predictions are not made certain."""
        settings = self.settings
        return {
            "weak": settings.weak_weight,
            "kd": settings.kd_weight * (_PROBS_FORM_WEIGHT if settings.kd_form == "probs" else 1.0),
            "ent": settings.entropy_weight * self.progress(settings.entropy_ramp_fraction),
        }

    def export_networks(self) -> dict[str, nn.Module]:
        """Trunk and student branch."""
        return {"model": self.network.path("lower")}

    def build_exported(self, name: str) -> nn.Module:
        """Trunk and student branch."""
        return single_path(self.task.build_network, self.settings.split_at)

    def _segmentation(self, logits: Tensor, patches: Patches) -> Tensor:
        reduction = self.settings.dice_reduction
        return segmentation_loss(logits, patches.label, dice_reduction=reduction, mask=patches.known)


def distillation_loss(
    teacher_logits: Tensor,
    student_logits: Tensor,
    *,
    temperature: float,
    form: Literal["logits", "probs"] = "logits",
    mask: Tensor | None = None,
) -> Tensor:
    """Divergence of softened predictions `(B, K, X, Y, Z)`, mean over samples and voxels; see `KDEM`.

    `mask` `(B, X, Y, Z)` tells the voxels that count; all where None.
    """
    with torch.autocast(teacher_logits.device.type, enabled=False):
        if form == "probs":
            teacher = (teacher_logits.float().softmax(1) / temperature).log_softmax(1)
            student = (student_logits.float().softmax(1) / temperature).log_softmax(1)
            return 0.5 * temperature**2 * masked_mean((student.exp() * (student - teacher)).mean(1), mask)
        teacher = (teacher_logits.detach().float() / temperature).log_softmax(1)
        student = (student_logits.float() / temperature).log_softmax(1)
        return temperature**2 * masked_mean((teacher.exp() * (teacher - student)).sum(1), mask)


def entropy_loss(logits: Tensor, *, mask: Tensor | None = None) -> Tensor:
    """Shannon entropy of predictions `(B, K, X, Y, Z)` in nats, mean over samples, voxels and classes.

    `mask` `(B, X, Y, Z)` tells the voxels that count; all where None.
    """
    with torch.autocast(logits.device.type, enabled=False):
        log_probs = logits.float().log_softmax(1)
        return -masked_mean((log_probs.exp() * log_probs).mean(1), mask)
