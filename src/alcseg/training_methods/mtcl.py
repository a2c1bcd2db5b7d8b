"""MTCL: a mean teacher points out suspicious LQ voxels by confident learning; they learn corrected labels.

Xu, Lu et al., IEEE TMI 41(11), 2022; MICCAI 2021. Confident learning compares the teacher's probabilities p
with the LQ labels y and flags voxels F. A flagged voxel moves to its likeliest other class j:

    q = (1 - s F) onehot(y) + s F onehot(j),    s = 1 (hard), 0.8 (fixed), 1 - u (uncertainty)
    L = L_seg(P_H, y_H) + lambda(t) (L_con + beta L_seg(P_L, q))

with u the entropy, in units of ln K, of the mean of perturbed teacher passes.

Differences from the paper: targets stay soft; the released code casts them to integers, which erases flagged
foreground and keeps flagged background (`truncate_soft=True`). The ramp is continuous and ends at 75 % of the
run. More than two classes, and the form that does not know the quality (`quality_aware=False`), are ours.

Public code consulted to settle doubts: lemoshu/MTCL (3D script).

Cite: Z. Xu, D. Lu, J. Luo, Y. Wang, J. Yan, K. Ma, Y. Zheng, R. K.-Y. Tong, Anti-interference from noisy
labels: mean-teacher-assisted confident learning for medical image segmentation, IEEE TMI 41(11), 2022.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from alcseg.correction.confident_learning import Prune, find_label_issues
from alcseg.correction.soften import runner_up, soften
from alcseg.data.sampling import Patches
from alcseg.losses.consistency import consistency_loss
from alcseg.losses.partial import masked_mean
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.training_methods._ema import Buffers, ema_decay_at, ema_update, fit_decay, make_teacher
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings, batch_statistics
from alcseg.types import BelowOne, Count, NotNegative, Share

__all__ = ["MTCL"]


class MTCLSettings(MethodSettings):
    """What can be set of MTCL."""

    smoothing: Literal["hard", "fixed", "uncertainty"] = "hard"
    """How far a flagged voxel's label moves: `hard` replaces it, `fixed` moves it by `smoothing_share`,
    `uncertainty` by how sure the teacher is.
    """
    smoothing_share: Share = 0.8
    """Of `fixed` smoothing."""
    passes: Count = 6
    """Perturbed teacher passes that measure uncertainty."""
    prune: Prune = "both"
    """Ranking of confident learning; for two classes all are the same."""
    cl_dropout: bool = True
    """Whether dropout is active in the pass that confident learning judges by."""
    truncate_soft: bool = False
    """Cut soft targets to integers as the released code does."""
    beta: NotNegative = 5.0
    """Weight of the corrected labels beside the consistency."""
    ramp_max: NotNegative = 0.1
    """Largest value of the ramp lambda."""
    ramp_fraction: Share = 0.75
    """Share of the run over which lambda rises."""
    ema_decay: BelowOne | None = None
    """Of the teacher's average, after its warm-up; None: 0.99, less in runs of under 2,000 steps."""
    teacher_buffers: Buffers = "ema"
    """BatchNorm statistics of the teacher: averaged like its weights (`ema`) or the student's (`copy`)."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the teacher's input noise, in those of the image."""
    noise_clip: NotNegative = 0.2
    """The noise is cut off at plus and minus this."""
    quality_aware: bool = True
    """False takes all cases as LQ and moves from given to corrected labels as lambda rises."""
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""
    eval_network: Literal["student", "teacher"] = "student"
    """Which network predicts, `student` or `teacher`."""


class MTCL(Method[MTCLSettings]):
    """Mean Teacher that also learns LQ labels, corrected where confident learning suspects them."""

    card = Card("Xu et al., IEEE TMI 2022", "student, EMA teacher", "student")
    streams: tuple[str, ...] = ("hq", "lq")
    terms = ("hq", "noisy", "con", "lq")
    incomplete_labels = True
    readings = ("flagged",)
    exports = ("model", "teacher")

    def build_networks(self) -> None:
        """A trained student and its frozen average."""
        self.student = self.task.build_network()
        self.teacher = make_teacher(self.student)

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq`: supervised on HQ; `con`: agreement with the teacher; `lq`: supervised on corrected labels.

        Without knowledge of quality, `noisy` on labels as given stands for `hq`.
        """
        lq = batch["lq" if self.settings.quality_aware else "union"]
        watched = self._teacher_probs(lq, "pass-0")
        target = self._corrected(lq)

        if not self.settings.quality_aware:
            logits = self.logits_of(self.student, lq)
            return {
                "noisy": self._segmentation(logits, lq.label, lq.known),
                "con": consistency_loss(logits, watched, mask=lq.known),
                "lq": self._segmentation(logits, target, lq.known),
            }
        hq = batch["hq"]
        logits = self.logits_of(self.student, hq, lq)
        hq_logits, lq_logits = logits[: len(hq)], logits[len(hq) :]
        return {
            "hq": self._segmentation(hq_logits, hq.label, hq.known),
            "con": consistency_loss(lq_logits, watched, mask=lq.known),
            "lq": self._segmentation(lq_logits, target, lq.known),
        }

    def term_weights(self) -> dict[str, float]:
        """The consistency and the corrected labels ramp up."""
        ramp = self.ramp(self.settings.ramp_max, self.settings.ramp_fraction)
        if self.settings.quality_aware:
            return {"con": ramp, "lq": ramp * self.settings.beta}
        corrected = self.ramp(1.0, self.settings.ramp_fraction)
        return {"noisy": 1 - corrected, "con": ramp, "lq": corrected}

    def after_step(self) -> None:
        """The teacher follows."""
        decay = ema_decay_at(self.done, fit_decay(self.settings.ema_decay, self.task.steps))
        ema_update(self.teacher, self.student, decay, buffers=self.settings.teacher_buffers)

    def export_networks(self) -> dict[str, nn.Module]:
        """The evaluated network and the teacher."""
        return {"model": getattr(self, self.settings.eval_network), "teacher": self.teacher}

    def _corrected(self, patches: Patches) -> Tensor:
        """Target distribution q, `(B, K, X, Y, Z)`, all patches judged together."""
        probs = self._teacher_probs(patches, None)
        flags = find_label_issues(patches.label, probs, prune=self.settings.prune, mask=patches.known)
        self.note(flagged=masked_mean(flags.float(), patches.known))
        share: float | Tensor = 1.0
        if self.settings.smoothing == "fixed":
            share = self.settings.smoothing_share
        elif self.settings.smoothing == "uncertainty":
            share = 1 - self._uncertainty(patches)
        other = runner_up(patches.label, probs)
        target = soften(patches.label, flags, other, share, num_classes=self.task.num_classes)
        return _truncated(target) if self.settings.truncate_soft else target

    def _uncertainty(self, patches: Patches) -> Tensor:
        """Entropy of the mean of noisy teacher passes, 0..1, `(B, X, Y, Z)`."""
        passes = self.settings.passes
        mean = self._teacher_probs(patches, "uncertainty-0") / passes
        for index in range(1, passes):
            mean += self._teacher_probs(patches, f"uncertainty-{index}") / passes
        entropy = -(mean * (mean + 1e-6).log()).sum(1) / math.log(self.task.num_classes)
        return entropy.clamp(0, 1)

    def _teacher_probs(self, patches: Patches, noise: str | None) -> Tensor:
        """Teacher's class probabilities, float32, on the image with the noise of that name or without any."""
        image = patches.image if noise is None else self.noisy_image(patches, noise)
        with batch_statistics(self.teacher) as teacher:
            if noise is None and not self.settings.cl_dropout:
                for module in teacher.modules():
                    if isinstance(module, nn.modules.dropout._DropoutNd):
                        module.eval()
            return self.logits_of(teacher, patches, image=image).float().softmax(1)

    def _segmentation(self, logits: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
        return segmentation_loss(logits, target, dice_reduction=self.settings.dice_reduction, mask=known)


def _truncated(target: Tensor) -> Tensor:
    """Foreground probabilities cut to 0 or 1, and background where none is 1, `(B, K, X, Y, Z)`."""
    foreground = target[:, 1:].floor()
    return torch.cat([1 - foreground.sum(1, keepdim=True), foreground], 1)
