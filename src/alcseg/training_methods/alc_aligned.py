"""ALC with aligned labels: the given LQ label is evidence, moved to where the teacher sees the boundary.

The idea is this project's own; docs/explanation/alignment.md derives it and shows its limits. As in ALC
(arXiv:2503.12218) a teacher predicts T noisy copies of every LQ patch. But a teacher that is too weak to draw
the organ still tells by how much a given boundary is off, and the given label then supplies the shape. For
every LQ case it is gathered over the patches of the whole training, older ones fading, how well the average m
of the passes agrees with the given label at every offset (`Agreement`, correction/offsets.py). That gives the
offset o of each class. Where the LQ labels, moved by it, agree with the teacher about as well as the clean
labels of the HQ cases do, they err by their offsets alone, and the moved label is the target. Where they do
not, their shapes are off, too, and the target is the most probable class of

    q ~ m P(given label | o, sigma)                                       (correction/alignment.py)

which is near the moved label where the error of the shape, sigma, is small, and the label that ALC would
refine where it is large. `target=moved` and `target=posterior` do the same for every label (compared in
results/beyond.md).

    L = L_HQ + lambda(t) (alpha L_LQ + beta L_noisy + L_con)

L_LQ is over all LQ patches; with `aligned_on=selected` over the K least uncertain, the others keep their
given labels in L_noisy.

Differences from the paper: that is ALC's, from which this differs in the target of L_LQ; it is over all
patches; lambda rises to its end value within `ramp_fraction` of the run and is larger, since aligned labels
are right much earlier than refined ones. One more teacher pass per step, over the HQ patches, tells how the
teacher sees clean labels.

Cite: the paper of ALC (see `alc.py`) and this software.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from annotated_types import Ge
from torch import Tensor, nn

from alcseg.correction.alignment import (
    LIMIT_VOXELS,
    STEPS_PER_VOXEL,
    TOLERANCE_VOXELS,
    CleanLabels,
    Target,
    aligned_label,
    errs_by_offset,
    set_tolerance,
)
from alcseg.correction.offsets import Agreement, Offsets, measure_agreement, offset_steps
from alcseg.correction.refine import refine
from alcseg.data.sampling import Patches
from alcseg.losses.consistency import consistency_loss
from alcseg.losses.segmentation import segmentation_loss
from alcseg.training_methods._ema import ema_decay_at, ema_update, fit_decay, make_teacher
from alcseg.training_methods._passes import perturbed_passes
from alcseg.training_methods._selection import least_uncertain, patch_uncertainty
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import BelowOne, Count, NotNegative, Share

__all__ = ["ALCAligned"]


class ALCAlignedSettings(MethodSettings):
    """What can be set of ALC with aligned labels."""

    passes: Count = 4
    """Perturbed teacher predictions per patch, T."""
    target: Target = "aligned"
    """`aligned`: the moved label where labels err by their offsets alone, else the posterior; or one of them,
    `moved` or `posterior`, for every label.
    """
    aligned_on: Literal["all", "selected"] = "all"
    """`all` LQ patches, or the `selected` least uncertain ones."""
    select_fraction: Share = 0.5
    """Share of the LQ patches that is selected; at least one patch."""
    limit_voxels: Annotated[float, Ge(1)] = LIMIT_VOXELS
    """Largest offset that is tried, in voxels of the finest spacing."""
    tolerance_voxels: NotNegative = TOLERANCE_VOXELS
    """Offsets up to this count as 0."""
    memory_decay: BelowOne = 0.8
    """What earlier patches of a case still count when it is visited again."""
    alpha: NotNegative = 5.0
    """Weight of the aligned-label term."""
    beta: NotNegative = 1.0
    """Weight of the given-label term, with `aligned_on=selected`."""
    ramp_max: NotNegative = 0.2
    """Largest value of the ramp lambda."""
    ramp_fraction: Share = 0.4
    """Share of the run over which lambda rises."""
    ema_decay: BelowOne | None = None
    """Of the teacher's average, after its warm-up; None: 0.99, less in runs of under 2,000 steps."""
    noise_std: NotNegative = 0.1
    """Standard deviation of the teacher's input noise, in those of the image."""
    noise_clip: NotNegative = 0.2
    """The noise is cut off at plus and minus this."""


class ALCAligned(Method[ALCAlignedSettings]):
    """Mean Teacher whose LQ patches learn from their given labels, moved by one offset per case and class."""

    card = Card("this project", "student, EMA teacher", "student")
    streams = ("hq", "lq")
    terms = ("hq", "lq", "noisy", "con")
    readings = ("agreement", "clean_agreement", "offset_mm", "blur_mm", "moved_share")
    exports = ("model", "teacher")
    needs_distance = True
    incomplete_labels = True

    def build_networks(self) -> None:
        """A trained student and its frozen average."""
        self.student = self.task.build_network()
        self.teacher = make_teacher(self.student)
        self.agreements: dict[str, Agreement] = {}  # of each case, one volume each; in main memory
        self.offsets: dict[str, Offsets] = {}  # that they tell
        self.clean_cases: dict[str, None] = {}  # those of them that are HQ, in the order they were seen

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq`, `lq` on aligned labels, `noisy` on given ones where not all are aligned, `con`."""
        hq, lq = batch["hq"], batch["lq"]
        refined = refine(self._teacher_passes(lq, self.settings.passes))
        target = self._aligned_label(refined.mean, lq, self._clean_labels(hq))
        share = self.settings.select_fraction if self.settings.aligned_on == "selected" else 1.0
        selected, rest = least_uncertain(patch_uncertainty(refined, mask=lq.known), share)

        logits = self.logits_of(self.student, hq, lq)
        hq_logits, lq_logits = logits[: len(hq)], logits[len(hq) :]

        def on_lq(label: Tensor, part: Tensor) -> Tensor:
            known = None if lq.known is None else lq.known[part]
            return segmentation_loss(lq_logits[part], label[part], mask=known)

        terms = {
            "hq": segmentation_loss(hq_logits, hq.label, mask=hq.known),
            "lq": on_lq(target, selected),
        }
        if len(rest):
            terms["noisy"] = on_lq(lq.label, rest)
        terms["con"] = consistency_loss(lq_logits, refined.mean, mask=lq.known)
        return terms

    def term_weights(self) -> dict[str, float]:
        """The ramp stands before all terms but `hq`."""
        settings = self.settings
        ramp = self.ramp(settings.ramp_max, settings.ramp_fraction)
        return {"lq": ramp * settings.alpha, "noisy": ramp * settings.beta, "con": ramp}

    def after_step(self) -> None:
        """The teacher follows."""
        ema_update(
            self.teacher,
            self.student,
            ema_decay_at(self.done, fit_decay(self.settings.ema_decay, self.task.steps)),
        )

    def export_networks(self) -> dict[str, nn.Module]:
        """The student, and the teacher that corrects labels."""
        return {"model": self.student, "teacher": self.teacher}

    def state_beside_weights(self) -> dict[str, Any]:
        """What is known of each case."""
        sums = {
            case_id: [known.overlap, known.size, known.mass] for case_id, known in self.agreements.items()
        }
        return {"alc_aligned": sums, "alc_aligned_clean": list(self.clean_cases)}

    def take_up(self, state: Mapping[str, Any]) -> None:
        """Know it again."""
        steps = self._offset_steps()
        for case_id, sums in state["alc_aligned"].items():
            self._know(case_id, Agreement(steps, *sums))
        self.clean_cases = dict.fromkeys(state["alc_aligned_clean"])

    def _teacher_passes(self, patches: Patches, count: int) -> list[Tensor]:
        """Perturbed passes, log-probabilities `(B, K, X, Y, Z)` each."""
        settings = self.settings
        return perturbed_passes(
            self, self.teacher, patches, count, std=settings.noise_std, clip=settings.noise_clip
        )

    def _clean_labels(self, hq: Patches) -> CleanLabels:
        """How the teacher sees the labels of all HQ cases so far."""
        (log_probs,) = self._teacher_passes(hq, 1)
        self._remember(log_probs.exp(), hq)
        self.clean_cases.update(dict.fromkeys(hq.case_ids))
        return CleanLabels.of(self._offsets(list(self.clean_cases)))

    def _aligned_label(self, mean: Tensor, lq: Patches, clean: CleanLabels) -> Tensor:
        """Target of the LQ patches, `(B, X, Y, Z)`."""
        self._remember(mean, lq)
        found = self._offsets(lq.case_ids)
        seen = [case_id for case_id in self.agreements if case_id not in self.clean_cases]
        tolerance = set_tolerance(self._offsets(seen or lq.case_ids), clean, learnt=True)
        self.note(
            agreement=found.dice.mean(),
            clean_agreement=clean.agreement.mean(),
            offset_mm=found.mm.abs().mean(),
            blur_mm=clean.blur_mm.mean(),
            moved_share=errs_by_offset(found, clean, tolerance).float().mean(),
        )
        distance = self.distance_to_given(lq)
        return aligned_label(
            mean,
            distance,
            found,
            clean,
            min(self.task.spacing),
            target=self.settings.target,
            tolerance=tolerance,
        )

    def _remember(self, mean: Tensor, patches: Patches) -> None:
        """Add what the teacher says of the patches to what is known of their cases."""
        steps = self._offset_steps().to(mean.device)
        seen = measure_agreement(mean, self.distance_to_given(patches), steps, known=patches.known).cpu()
        for index, case_id in enumerate(patches.case_ids):
            newer = seen.of(index)
            older = self.agreements.get(case_id)
            self._know(
                case_id, newer if older is None else older.decayed_into(newer, self.settings.memory_decay)
            )

    def _know(self, case_id: str, agreement: Agreement) -> None:
        """Keep what is known of a case, and its offsets: those of all cases are asked for at every step."""
        self.agreements[case_id] = agreement
        tolerance_mm = self.settings.tolerance_voxels * min(self.task.spacing)
        self.offsets[case_id] = agreement.best(tolerance_mm=tolerance_mm)

    def _offsets(self, case_ids: Sequence[str]) -> Offsets:
        """Offsets, agreement and widths of cases by all that was seen of them, `(B, K - 1)`."""
        return Offsets.stack([self.offsets[case_id] for case_id in case_ids]).to(self.device)

    def _offset_steps(self) -> Tensor:
        voxel = min(self.task.spacing)
        return offset_steps(self.settings.limit_voxels * voxel, voxel / STEPS_PER_VOXEL)
