"""MixSegNet: two views of a network, each taught by labels, by both views mixed, and by both averages.

Wang and Yang, Engineering Applications of Artificial Intelligence 133, 108059, 2024. A convolutional network
A and a transformer B learn together from three signals. P_s is the softmax of student s on the patch, T_t
that of the EMA teacher t on the patch with noise, H and L are HQ and LQ patches, K classes:

    dense:  sum over s of  CE/2 + Dice/2 of P_s against y                                       on H
    weak:   sum over s of  mean over M of CE(P_s, y)                                            on L
    pls:    sum over s of  Dice(P_s, q),  q = argmax(w P_A + (1 - w) P_B),  w ~ U(0, 1)         on L
    ens:    sum over s, t of  mean (P_s - T_t)^2                                                on H and L
    loss =  dense + w_w(t) weak + w_p(t) pls + w_e(t) ens

M holds the voxels whose LQ label equals the mixed pseudo-label q, so a noisy label acts like a sparse one
that the views confirm. One w is drawn per step. A predicts.

Differences from the paper: a reconstruction. The released script trains a U-Net with two decoders on
scribbles and holds neither transformer nor teachers. Here the losses are those of the first author's sibling
method for weak labels (MICCAI-DEMI 2023), whose two views and two kinds of ensembling are those the abstract
names, in the data roles of the released script: HQ labels are dense, LQ labels weak, LQ images unlabeled.
Chosen here: UNETR in 3D from scratch for the pretrained 2D Swin-UNet, with AdamW and gradient clipping
(`second_optimizer=sgd` as in the sibling); a ramp on all that rests on predictions, and half weight for weak
labels; M, where `weak_mask=all` is the plain reading; CE/2 + Dice/2 on HQ labels. With `quality_aware=false`
all labels are supervision of weight `weak_weight`, masked by M once the ramp has ended. Left out: the form
of the released script, two decoders on one encoder.

Public code consulted: ziyangwang007/MixSegNet, ziyangwang007/CV-WSL-MIS.

Cite: Z. Wang and C. Yang, "MixSegNet: Fusing multiple mixed-supervisory signals with multiple views of
networks for mixed-supervised medical image segmentation", Eng. Appl. Artif. Intell. 133, 108059, 2024.
"""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.losses.partial import joined, masked_mean
from alcseg.losses.segmentation import DiceReduction, dice_loss, segmentation_loss
from alcseg.networks import build_network
from alcseg.networks.ensemble import SoftmaxMean
from alcseg.training_methods._ema import Buffers, ema_decay_at, ema_update, fit_decay, make_teacher
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings, batch_statistics, seed_of
from alcseg.types import BelowOne, Count, NotNegative, Positive, Share

__all__ = ["MixSegNet"]


class MixSegNetSettings(MethodSettings):
    """What can be set of MixSegNet."""

    quality_aware: bool = True
    """True: HQ labels are dense supervision, LQ labels weak supervision; False: all labels are alike and of
    weight `weak_weight`.
    """
    second_view: Literal["unetr", "swin_unetr", "same"] = "unetr"
    """Network B: `unetr`, `swin_unetr`, or `same`, a second network of the run's own kind, the cheap choice
    without a GPU.
    """
    second_filters: Count | None = None
    """Channels of the first level of `unetr` or `swin_unetr`; 16 and 12 where None."""
    hidden_size: Count = 384
    """Width of the tokens of `unetr`."""
    mlp_dim: Count = 1536
    """Width inside its transformer blocks."""
    num_heads: Count = 6
    """Of its attention; divides `hidden_size`."""
    second_optimizer: Literal["adamw", "sgd"] = "adamw"
    """Of B: `adamw` without decay on norms, biases and positions, or `sgd` as of A."""
    adamw_learning_rate: NotNegative = 1e-4
    """Of `adamw` at step 0."""
    adamw_weight_decay: Share = 1e-5
    """Of `adamw`."""
    clip_norm: Positive = 1.0
    """Largest norm of B's gradient."""
    weak_mask: Literal["agree", "all"] = "agree"
    """LQ voxels that count: where label and pseudo-label `agree`, or `all`."""
    weak_weight: NotNegative = 0.5
    """Weight of the weak term; under `agree` after the ramp."""
    pls_weight: NotNegative = 0.5
    """Weight of the pseudo-label term after the ramp."""
    ens_weight: NotNegative = 1.0
    """Weight of the agreement with the teachers after the ramp."""
    ramp_fraction: Share = 0.4
    """Share of the run over which those weights rise."""
    ema_decay: BelowOne | None = None
    """Of both teachers' averages, after their warm-up; None: 0.99, less in runs of under 2,000 steps."""
    teacher_buffers: Buffers = "ema"
    """BatchNorm statistics of the teachers: averaged like their weights (`ema`) or the students' (`copy`)."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the teachers' input noise, in those of the image."""
    noise_clip: NotNegative = 0.2
    """The noise is cut off at plus and minus this."""
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""
    eval_network: Literal["a", "b", "ensemble"] = "a"
    """What predicts: student `a`, student `b`, or the `ensemble`, the mean of both."""


class MixSegNet(Method[MixSegNetSettings]):
    """A convolutional network and a transformer teach each other, each with an averaged teacher."""

    card = Card("Wang and Yang, EAAI 2024", "CNN, transformer, EMA teacher of each", "CNN")
    streams: tuple[str, ...] = ("hq", "lq")
    terms = ("dense", "weak", "pls", "ens")
    incomplete_labels = True
    readings = ("agreed",)
    exports = ("model", "teacher")

    def build_networks(self) -> None:
        """Two trained students and their frozen averages."""
        self.student_a = self.task.build_network()
        self.student_b = self._second_view()
        self.teacher_a = make_teacher(self.student_a)
        self.teacher_b = make_teacher(self.student_b)

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`dense` and `weak` on given labels, `pls` on mixed pseudo-labels, `ens` with both teachers."""
        parts = list(batch.values())
        known = joined([patches.known for patches in parts])
        targets = self._teacher_probs(batch)
        logits = [self.logits_of(student, *parts) for student in (self.student_a, self.student_b)]
        with torch.autocast(logits[0].device.type, enabled=False):
            logits = [one.float() for one in logits]
            probs = [one.softmax(1) for one in logits]
            pseudo_label = mixed_label(probs[0], probs[1], self._share_of_a())
            terms = self._on_labels(batch, logits, pseudo_label)
            unlabeled = slice(len(batch["hq"]) if "hq" in batch else 0, None)
            terms["pls"] = _sum(
                dice_loss(
                    one[unlabeled],
                    pseudo_label[unlabeled],
                    reduction=self.settings.dice_reduction,
                    mask=None if known is None else known[unlabeled],
                )
                for one in probs
            )
            terms["ens"] = _sum(
                masked_mean((one - target).square().mean(1), known) for one in probs for target in targets
            )
        return terms

    def term_weights(self) -> dict[str, float]:
        """What rests on predictions rises with them."""
        settings = self.settings
        ramp = self.ramp(1.0, settings.ramp_fraction)
        return {
            "dense": 1.0 if settings.quality_aware else settings.weak_weight,
            "weak": settings.weak_weight * (ramp if settings.weak_mask == "agree" else 1.0),
            "pls": settings.pls_weight * ramp,
            "ens": settings.ens_weight * ramp,
        }

    def before_step(self) -> None:
        """A transformer without pretraining needs its gradient bounded."""
        nn.utils.clip_grad_norm_(self.student_b.parameters(), self.settings.clip_norm)

    def after_step(self) -> None:
        """Each teacher follows its student."""
        decay = ema_decay_at(self.done, fit_decay(self.settings.ema_decay, self.task.steps))
        ema_update(self.teacher_a, self.student_a, decay, buffers=self.settings.teacher_buffers)
        ema_update(self.teacher_b, self.student_b, decay, buffers=self.settings.teacher_buffers)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """SGD for A, what is set for B."""
        settings = self.settings
        if settings.second_optimizer == "sgd":
            return [self.sgd(self.student_a.parameters()), self.sgd(self.student_b.parameters())]
        decayed, plain = _by_decay(self.student_b)
        groups = [
            {"params": decayed, "weight_decay": settings.adamw_weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ]
        return [
            self.sgd(self.student_a.parameters()),
            torch.optim.AdamW(groups, lr=settings.adamw_learning_rate),
        ]

    def export_networks(self) -> dict[str, nn.Module]:
        """The evaluated view and its average."""
        if self.settings.eval_network == "ensemble":
            return {
                "model": SoftmaxMean(self.student_a, self.student_b),
                "teacher": SoftmaxMean(self.teacher_a, self.teacher_b),
            }
        view = self.settings.eval_network
        return {"model": getattr(self, f"student_{view}"), "teacher": getattr(self, f"teacher_{view}")}

    def build_exported(self, name: str) -> nn.Module:
        """The evaluated view, or both."""
        view = self.settings.eval_network
        if view == "ensemble":
            return SoftmaxMean(self.task.build_network(), self._second_view())
        return self.task.build_network() if view == "a" else self._second_view()

    def _second_view(self) -> nn.Module:
        settings, task = self.settings, self.task
        if settings.second_view == "same":
            return task.build_network()
        options: dict[str, Any]
        if settings.second_view == "unetr":
            options = {
                "filters": settings.second_filters or 16,
                "patch": task.patch,
                "hidden_size": settings.hidden_size,
                "mlp_dim": settings.mlp_dim,
                "num_heads": settings.num_heads,
            }
        else:
            options = {"filters": settings.second_filters or 12, "recompute": True}
        return build_network(
            settings.second_view, in_channels=task.in_channels, num_classes=task.num_classes, **options
        )

    def _share_of_a(self) -> float:
        """The mixing weight of this step, the same on all processes."""
        generator = torch.Generator().manual_seed(seed_of(self.task.seed, "mixture", self.done))
        return float(torch.rand((), generator=generator))

    def _teacher_probs(self, batch: Batch) -> list[Tensor]:
        """Class probabilities `(B, K, X, Y, Z)` of both teachers on all patches under one noise."""
        noisy = [self.noisy_image(patches, f"teachers-{stream}") for stream, patches in batch.items()]
        image, targets = torch.cat(noisy), []
        for teacher in (self.teacher_a, self.teacher_b):
            with batch_statistics(teacher) as network:
                targets.append(self.logits_of(network, *batch.values(), image=image).float().softmax(1))
        return targets

    def _on_labels(self, batch: Batch, logits: list[Tensor], pseudo_label: Tensor) -> dict[str, Tensor]:
        """`dense` on HQ labels, `weak` on the LQ labels that count; `dense` on all where none is known."""
        if not self.settings.quality_aware:
            return {"dense": self._on_any_label(batch["union"], logits, pseudo_label)}
        hq, lq = batch["hq"], batch["lq"]
        agreed = lq.label == pseudo_label[len(hq) :]
        self.note(agreed=masked_mean(agreed.float(), lq.known))
        counts = _both(agreed if self.settings.weak_mask == "agree" else None, lq.known)
        return {
            "dense": self._supervised([one[: len(hq)] for one in logits], hq.label, hq.known),
            "weak": _sum(
                segmentation_loss(one[len(hq) :], lq.label, ce_weight=1, dice_weight=0, mask=counts)
                for one in logits
            ),
        }

    def _on_any_label(self, patches: Patches, logits: list[Tensor], pseudo_label: Tensor) -> Tensor:
        """Cross-entropy and Dice on all labels, after the ramp on those that count."""
        agreed = patches.label == pseudo_label
        self.note(agreed=masked_mean(agreed.float(), patches.known))
        rising = self.done <= self.settings.ramp_fraction * self.task.steps
        counts = None if rising or self.settings.weak_mask == "all" else agreed
        return self._supervised(logits, patches.label, _both(counts, patches.known))

    def _supervised(self, logits: list[Tensor], label: Tensor, mask: Tensor | None = None) -> Tensor:
        reduction = self.settings.dice_reduction
        return _sum(segmentation_loss(one, label, dice_reduction=reduction, mask=mask) for one in logits)


@torch.no_grad()
def mixed_label(probs_a: Tensor, probs_b: Tensor, share_of_a: float) -> Tensor:
    """Classes `(B, X, Y, Z)` of the mixture of two distributions `(B, K, X, Y, Z)`."""
    return torch.lerp(probs_b, probs_a, share_of_a).argmax(1)


def _both(counts: Tensor | None, known: Tensor | None) -> Tensor | None:
    """Voxels that count by both masks; None where all do."""
    if counts is None or known is None:
        return known if counts is None else counts
    return counts & known


def _sum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()


def _by_decay(network: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Trained weights, and norms, biases and position embeddings, which decay would only bias."""
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (plain if parameter.ndim <= 1 or "position" in name else decayed).append(parameter)
    return decayed, plain
