"""Which label is written for a case, why, and what changes: decided on what a network says of it.

Nothing here reads a file or runs a network. A `Look` holds what the network says, a `Standard` what clean
labels tell about that network; `decide` puts the given label between the two.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcseg.correction.alignment import (
    MIN_AGREEMENT,
    TOLERANCE,
    CleanLabels,
    errs_by_offset,
    move_boundaries,
    set_tolerance,
    shape_error,
    weigh_label,
)
from alcseg.correction.offsets import Offsets
from alcseg.records.audit_trail import Action
from alcseg.records.offsets import OffsetRow, WrittenLabel
from alcseg.types import FloatArray, LabelMap, Spacing

__all__ = ["Decision", "Look", "Opinion", "Standard", "decide"]

_REASONS: dict[Action, str] = {
    "moved": "the label was moved to where the network sees the boundary",
    "posterior": "the label errs in its shape: it was weighed with the prediction",
    "given": "the label stays: the network agrees with it as with clean ones",
    "undecided": "the label stays: it has nothing to do with the prediction, and a person has to look",
    "refined": "fused passes replace the label",
    "pseudo_labeled": "no label was given: pseudo label from the fused passes",
}


@dataclass(frozen=True, eq=False)
class Opinion:
    """What one plain pass says of the given label of a case, on the model grid; perturbed ones are worse.

    Attributes:
        probs: Class probabilities, `(K, X, Y, Z)`.
        label: The given label as classes 0..K-1, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        offsets: What `see_label` says of the three.
        to_source: From such probabilities to a label on the grid of the file, in the dataset's own values.
    """

    probs: NDArray[np.float32]
    label: NDArray[np.uint8]
    spacing: Spacing
    offsets: Offsets
    to_source: Callable[[NDArray[np.float32]], LabelMap]


@dataclass(frozen=True, eq=False)
class Look:
    """What a network says of one case, on the grid of the file.

    Attributes:
        case_id: The case.
        refined: Label of the fused passes in the dataset's own values, `(X, Y, Z)`.
        uncertainty: u per voxel, `(X, Y, Z)`.
        opinion: On the given label; None where there is none or labels are not aligned.
    """

    case_id: str
    refined: LabelMap
    uncertainty: FloatArray
    opinion: Opinion | None = None


@dataclass(frozen=True, eq=False)
class Standard:
    """What the labels of a set are held against.

    Attributes:
        clean: How the network sees clean labels; None where that is not known.
        tolerance: By how much a label that errs by its offset alone may agree less than clean ones.
        threshold: Uncertainty above which a voxel keeps its given label; None for none.
    """

    clean: CleanLabels | None = None
    tolerance: float = TOLERANCE
    threshold: float | None = None

    @classmethod
    def of(
        cls, clean: Sequence[Offsets], given: Sequence[Offsets], *, learnt: bool, threshold: float | None
    ) -> "Standard":
        """Judge a set before each of its labels.

        Args:
            clean: What the network says of clean labels, by case.
            given: What it says of those that are to be corrected.
            learnt: Whether it was trained on the clean ones.
            threshold: As above.
        """
        if not clean:
            return cls(threshold=threshold)
        reference = CleanLabels.of(Offsets.stack(clean))
        tolerance = set_tolerance(Offsets.stack(given), reference, learnt=learnt) if given else TOLERANCE
        return cls(reference, tolerance, threshold)


@dataclass(frozen=True, eq=False)
class Decision:
    """What becomes of the label of one case.

    Attributes:
        action: In one word.
        reason: In a sentence.
        written: The label to write, in the dataset's own values, `(X, Y, Z)`.
        seen: What the given label is compared with: what would be written if all voxels were replaced, or the
            refined label where nobody can tell which of the two is wrong.
        offsets: How each class was drawn, where the label was aligned.
        voxels_changed: In which `written` differs from the given label, or from background if there is none.
        voxels_kept: That would have changed, but for their uncertainty.
    """

    action: Action
    reason: str
    written: LabelMap
    seen: LabelMap
    offsets: tuple[OffsetRow, ...]
    voxels_changed: int
    voxels_kept: int


def decide(look: Look, given: LabelMap | None, standard: Standard, classes: Mapping[str, int]) -> Decision:
    """What to write for a case.

    Args:
        look: What the network says of it.
        given: The label as it came, in the dataset's own values, `(X, Y, Z)`; None for an unlabeled case.
        standard: What the labels of the set are held against.
        classes: Name to label value, background first.
    """
    if given is None:
        background = next(iter(classes.values()))
        changed = int((look.refined != background).sum())
        reason = _REASONS["pseudo_labeled"]
        return Decision("pseudo_labeled", reason, look.refined, look.refined, (), changed, 0)
    action: Action = "refined"
    label = look.refined
    offsets: tuple[OffsetRow, ...] = ()
    if look.opinion is not None:
        action, label, offsets = _align(look.case_id, look.opinion, given, standard, classes)
    seen = look.refined if action == "undecided" else label
    reason, written, kept = _REASONS[action], label, 0
    if standard.threshold is not None:
        doubtful = look.uncertainty > standard.threshold
        written = np.where(doubtful, given, label)
        kept = int((doubtful & (given != label)).sum())
        reason += f" where u <= {standard.threshold:.3g}"
    return Decision(action, reason, written, seen, offsets, int((written != given).sum()), kept)


def _align(
    case_id: str, opinion: Opinion, given: LabelMap, standard: Standard, classes: Mapping[str, int]
) -> tuple[Action, LabelMap, tuple[OffsetRow, ...]]:
    """What is done, the label, and how each class was drawn."""
    found, clean = opinion.offsets, standard.clean
    names, values = zip(*list(classes.items())[1:], strict=True)
    shape_mm = shape_error(found, 0.0 if clean is None else clean.blur_mm, min(opinion.spacing))
    drawn = [bool((given == value).any()) for value in values]
    agrees = [
        there and agreement >= MIN_AGREEMENT
        for there, agreement in zip(drawn, found.dice[0].tolist(), strict=True)
    ]
    moved = clean is None or bool(errs_by_offset(found, clean, standard.tolerance))
    written: WrittenLabel = "moved" if moved else "posterior"
    if not any(agrees) or (moved and not found.mm.any()):
        written, label = "given", given
    elif moved:
        probs = move_boundaries(opinion.label, len(classes), opinion.spacing, found)
        label = opinion.to_source(probs.numpy())
    else:
        probs = weigh_label(opinion.probs, opinion.label, opinion.spacing, found, shape_mm)
        label = opinion.to_source(probs.numpy())
    rows = tuple(
        OffsetRow(
            case_id=case_id,
            class_name=name,
            drawn_mm=0.0 - float(found.mm[0, index]) if agrees[index] else float("nan"),
            shape_mm=float(shape_mm[0, index]) if agrees[index] else float("nan"),
            agreement=float(found.dice[0, index]),
            agreement_as_given=float(found.given[0, index]),
            label=written,
        )
        for index, name in enumerate(names)
    )
    something = any(drawn) or bool(opinion.probs.argmax(0).any())
    return "undecided" if something and not any(agrees) else written, label, rows
