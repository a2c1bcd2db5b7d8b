"""ALC, adaptive label correction: refined labels where the teacher is sure, noisy ones where it is not.

Qian, Han et al., BIBM 2025, arXiv:2503.12218. A Mean Teacher whose teacher sees T noisy copies of every LQ
patch (eq. 3). The passes are averaged (eq. 4), each is weighed voxel by voxel by how little it diverges from
that average (eq. 5), and the fused distribution gives a refined label (eq. 6). The K patches with the least
mean divergence (eq. 7) learn from refined labels (eq. 8), the others from the labels they came with (eq. 9);
all agree with the teacher's passes (eq. 10). A ramp adds these terms to the HQ loss (eq. 11).

Differences from the paper: none intended. No code is public and the text at hand lost its formulas; every
reading that had to be chosen is a setting below, marked [R]. `uncertainty_region=foreground` and
`warmup_fraction` are additions, off by default.

Cite: C. Qian, K. Han et al., "Adaptive Label Correction for Robust Medical Image Segmentation with Noisy
Labels", IEEE BIBM 2025, arXiv:2503.12218.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from alcseg.correction.refine import Refined, Uncertainty, Weighting, refine
from alcseg.data.sampling import Patches
from alcseg.losses.consistency import ConsistencyKind, consistency_loss
from alcseg.losses.partial import masked_mean
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.training_methods._ema import Buffers, ema_decay_at, ema_update, fit_decay, make_teacher
from alcseg.training_methods._passes import perturbed_passes
from alcseg.training_methods._selection import least_uncertain, patch_uncertainty
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import BelowOne, Count, NotNegative, Positive, Share

__all__ = ["ALC"]


class ALCSettings(MethodSettings):
    """What can be set of ALC."""

    passes: Count = 4
    """Perturbed teacher predictions per patch, T [R]."""
    select_fraction: Share = 0.25
    """Share of the LQ patches that learns from refined labels, K / B_L; at least one patch. The paper's
    reading is a half [R]; the default is what the plan `sensitivity-half-cpu` preferred on validation cases
    of the left atrium (results/la.md).
    """
    alpha: NotNegative = 5.0
    """Weight of the refined-label term."""
    beta: NotNegative = 1.0
    """Weight of the noisy-label term."""
    ramp_max: NotNegative = 0.1
    """Largest value of the ramp lambda."""
    ramp_fraction: Share = 1.0
    """Share of the run over which lambda rises."""
    ema_decay: BelowOne | None = None
    """Of the teacher's average, after its warm-up; None: 0.99, less in runs of under 2,000 steps."""
    teacher_buffers: Buffers = "ema"
    """BatchNorm statistics of the teacher: averaged like its weights (`ema`) or the student's (`copy`)."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the teacher's input noise, in those of the image [R]."""
    noise_clip: NotNegative = 0.2
    """The noise is cut off at plus and minus this [R]."""
    label_refinement: bool = True
    """False is the ablation "w/o LR"; what then labels a patch is `without_refinement`."""
    without_refinement: Literal["mean", "single", "given"] = "mean"
    """`mean` of the passes, `single` unperturbed pass, or the label as `given` [R]."""
    weighting: Weighting = "inverse"
    """Weight of a pass from its divergence: `inverse`, `exponential` or `uniform`."""
    temperature: Positive = 1.0
    """Of the exponential weighting, in units of the batch's mean divergence."""
    refined_target: Literal["hard", "soft"] = "hard"
    """`hard` (argmax) or `soft` (the fused distribution) [R]."""
    uncertainty: Uncertainty = "kl"
    """`kl`, mean divergence of the passes, or `entropy` of the fused distribution [R]."""
    uncertainty_region: Literal["patch", "foreground"] = "patch"
    """Mean over the whole `patch`, or over voxels within 3 of the refined `foreground`."""
    lq_norm: Literal["selected", "batch"] = "selected"
    """Each LQ term is divided by its own number of patches (`selected`) or by all LQ patches (`batch`) [R].
    """
    consistency_on: Literal["lq", "all"] = "lq"
    """`lq` patches or `all` [R]."""
    consistency_loss: ConsistencyKind = "mse"
    """`mse` or `kl` [R]."""
    total: Literal["ramp", "outside", "crossfade"] = "ramp"
    """Where the ramp stands: `ramp` scales all LQ terms, `outside` only the consistency, `crossfade` moves
    weight from HQ to them with a ramp to 1 [R].
    """
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample` [R]."""
    warmup_fraction: Share = 0.0
    """Share of the run before refined and noisy labels are used at all."""
    eval_network: Literal["student", "teacher"] = "student"
    """Which network predicts, `student` or `teacher`."""


class ALC(Method[ALCSettings]):
    """Mean Teacher with refined labels for the least uncertain LQ patches."""

    card = Card("Qian, Han et al., BIBM 2025", "student, EMA teacher", "student")
    streams = ("hq", "lq")
    terms = ("hq", "lq", "noisy", "con")
    incomplete_labels = True
    exports = ("model", "teacher")

    def build_networks(self) -> None:
        """A trained student and its frozen average."""
        self.student = self.task.build_network()
        self.teacher = make_teacher(self.student)

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq` (eq. 1), `lq` on refined labels (eq. 8), `noisy` on given ones (eq. 9), `con` (eq. 10)."""
        hq, lq = batch["hq"], batch["lq"]
        passes = self._teacher_passes(lq)
        refined = refine(
            passes,
            weighting=self.settings.weighting,
            temperature=self.settings.temperature,
            uncertainty=self.settings.uncertainty,
            mask=lq.known,
        )
        target = self._pseudo_label(refined, lq)
        score = patch_uncertainty(refined, region=self.settings.uncertainty_region, mask=lq.known)
        selected, rest = least_uncertain(score, self.settings.select_fraction)

        logits = self.logits_of(self.student, hq, lq)
        hq_logits, lq_logits = logits[: len(hq)], logits[len(hq) :]
        terms = {
            "hq": self._segmentation(hq_logits, hq.label, hq.known),
            "lq": self._segmentation(lq_logits, target, lq.known, selected),
        }
        if len(rest):
            terms["noisy"] = self._segmentation(lq_logits, lq.label, lq.known, rest)
        if self.settings.lq_norm == "batch":
            for name, part in (("lq", selected), ("noisy", rest)):
                if name in terms:
                    terms[name] = terms[name] * len(part) / len(lq)
        terms["con"] = self._consistency(lq_logits, passes, lq.known)
        if self.settings.consistency_on == "all":
            share = len(lq) / (len(lq) + len(hq))
            on_hq = self._consistency(hq_logits, self._teacher_passes(hq), hq.known)
            terms["con"] = share * terms["con"] + (1 - share) * on_hq
        return terms

    def term_weights(self) -> dict[str, float]:
        """Eq. 11 in the chosen reading."""
        settings = self.settings
        crossfade = settings.total == "crossfade"
        ramp = self.ramp(1.0 if crossfade else settings.ramp_max, settings.ramp_fraction)
        on_labels = 1.0 if settings.total == "outside" else ramp
        if self.done < settings.warmup_fraction * self.task.steps:
            on_labels = 0.0
        return {
            "hq": 1 - ramp if crossfade else 1.0,
            "lq": on_labels * settings.alpha,
            "noisy": on_labels * settings.beta,
            "con": ramp,
        }

    def after_step(self) -> None:
        """The teacher follows."""
        decay = ema_decay_at(self.done, fit_decay(self.settings.ema_decay, self.task.steps))
        ema_update(self.teacher, self.student, decay, buffers=self.settings.teacher_buffers)

    def export_networks(self) -> dict[str, nn.Module]:
        """The evaluated network and the teacher."""
        return {"model": getattr(self, self.settings.eval_network), "teacher": self.teacher}

    def _teacher_passes(self, patches: Patches) -> list[Tensor]:
        """T perturbed passes, log-probabilities `(B, K, X, Y, Z)` each."""
        settings = self.settings
        return perturbed_passes(
            self, self.teacher, patches, settings.passes, std=settings.noise_std, clip=settings.noise_clip
        )

    def _pseudo_label(self, refined: Refined, patches: Patches) -> Tensor:
        """Class indices `(B, X, Y, Z)`, or probabilities `(B, C, X, Y, Z)` for a soft target."""
        settings = self.settings
        if settings.label_refinement:
            return refined.fused if settings.refined_target == "soft" else refined.label
        if settings.without_refinement == "given":
            return patches.label
        if settings.without_refinement == "mean":
            probs = refined.mean
        else:
            with torch.no_grad():
                self.teacher.eval()
                probs = self.logits_of(self.teacher, patches).float().softmax(1)
                self.teacher.train()
        return probs if settings.refined_target == "soft" else probs.argmax(1)

    def _consistency(self, logits: Tensor, passes: list[Tensor], known: Tensor | None) -> Tensor:
        """Mean over the passes of the consistency loss.

        The squared form needs one product only: the mean over t of (s - p_t)^2 is (s - m)^2 plus the variance
        of p_t about its mean m, which has no gradient.
        """
        if self.settings.consistency_loss == "kl":
            each = [consistency_loss(logits, log_probs.exp(), kind="kl", mask=known) for log_probs in passes]
            return torch.stack(each).mean()
        probs = [log_probs.exp() for log_probs in passes]
        mean = torch.stack(probs).mean(0)
        variance = torch.stack([masked_mean((p - mean).square().mean(1), known) for p in probs]).mean()
        return consistency_loss(logits, mean, mask=known) + variance

    def _segmentation(
        self, logits: Tensor, label: Tensor, known: Tensor | None, part: Tensor | None = None
    ) -> Tensor:
        """The supervised loss of all patches, or of a part of them."""
        if part is not None:
            logits, label, known = logits[part], label[part], None if known is None else known[part]
        return segmentation_loss(logits, label, dice_reduction=self.settings.dice_reduction, mask=known)
