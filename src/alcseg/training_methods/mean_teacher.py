"""Mean Teacher: low-quality cases as unlabeled ones.

Tarvainen and Valpola, NeurIPS 2017, arXiv:1703.01780, in the form 3D medical work uses (UA-MT, Yu et al.,
MICCAI 2019). The student learns from HQ labels; on LQ images it is pulled towards the class probabilities of
a teacher, the running average of its own weights, which sees the same crop with more noise. LQ labels are not
used.

Differences from the paper: the medical form (noise on the teacher's input alone, weight 0.1, consistency on
LQ patches alone); BatchNorm buffers of the teacher are averaged like its weights, and its passes in training
leave them alone. `lq_supervision=naive` and `consistency_on=all` give the other readings.

Public code consulted to settle doubts: UA-MT, SSL4MIS, CuriousAI/mean-teacher.

Cite: A. Tarvainen and H. Valpola, "Mean teachers are better role models: Weight-averaged consistency targets
improve semi-supervised deep learning results", NeurIPS 2017, arXiv:1703.01780.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.losses.consistency import consistency_loss
from alcseg.losses.partial import joined
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.training_methods._ema import Buffers, ema_decay_at, ema_update, fit_decay, make_teacher
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings, batch_statistics
from alcseg.types import BelowOne, NotNegative, Share

__all__ = ["MeanTeacher"]


class MeanTeacherSettings(MethodSettings):
    """What can be set of Mean Teacher."""

    ema_decay: BelowOne | None = None
    """Of the teacher's average, after its warm-up; None: 0.99, less in runs of under 2,000 steps."""
    ramp_max: NotNegative = 0.1
    """Largest weight of the consistency term."""
    ramp_fraction: Share = 1.0
    """Share of the run over which that weight rises."""
    teacher_buffers: Buffers = "ema"
    """BatchNorm statistics of the teacher: averaged like its weights (`ema`) or the student's (`copy`)."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the teacher's input noise, in those of the image."""
    noise_clip: NotNegative = 0.2
    """The noise is cut off at plus and minus this."""
    consistency_on: Literal["lq", "all"] = "lq"
    """`lq` patches (medical form) or `all`."""
    lq_supervision: Literal["none", "naive"] = "none"
    """`none`, or `naive` to add the supervised loss on LQ labels as given."""
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""
    eval_network: Literal["student", "teacher"] = "student"
    """Which network predicts, `student` or `teacher`."""


class MeanTeacher(Method[MeanTeacherSettings]):
    """Supervision on HQ labels, consistency with an averaged teacher on LQ images."""

    card = Card("Tarvainen and Valpola, NeurIPS 2017", "student, EMA teacher", "student")
    streams = ("hq", "lq")
    terms = ("hq", "con", "lq")
    incomplete_labels = True
    exports = ("model", "teacher")

    def build_networks(self) -> None:
        """A trained student and its frozen average."""
        self.student = self.task.build_network()
        self.teacher = make_teacher(self.student)

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq`: supervised on HQ; `con`: agreement with the teacher; `lq`: supervised on LQ, if set."""
        hq, lq = batch["hq"], batch["lq"]
        watched = [hq, lq] if self.settings.consistency_on == "all" else [lq]
        noisy = [self.noisy_image(patches, f"pass-{i}") for i, patches in enumerate(watched)]
        with batch_statistics(self.teacher) as teacher:
            target = self.logits_of(teacher, *watched, image=torch.cat(noisy)).float().softmax(1)

        logits = self.logits_of(self.student, hq, lq)
        hq_logits, lq_logits = logits[: len(hq)], logits[len(hq) :]
        terms = {
            "hq": self._segmentation(hq_logits, hq),
            "con": consistency_loss(
                logits if self.settings.consistency_on == "all" else lq_logits,
                target,
                mask=joined([patches.known for patches in watched]),
            ),
        }
        if self.settings.lq_supervision == "naive":
            terms["lq"] = self._segmentation(lq_logits, lq)
        return terms

    def term_weights(self) -> dict[str, float]:
        """The consistency term ramps up."""
        return {"con": self.ramp(self.settings.ramp_max, self.settings.ramp_fraction)}

    def after_step(self) -> None:
        """The teacher follows."""
        decay = ema_decay_at(self.done, fit_decay(self.settings.ema_decay, self.task.steps))
        ema_update(self.teacher, self.student, decay, buffers=self.settings.teacher_buffers)

    def export_networks(self) -> dict[str, nn.Module]:
        """The evaluated network and the teacher."""
        return {"model": getattr(self, self.settings.eval_network), "teacher": self.teacher}

    def _segmentation(self, logits: Tensor, patches: Patches) -> Tensor:
        reduction = self.settings.dice_reduction
        return segmentation_loss(logits, patches.label, dice_reduction=reduction, mask=patches.known)
