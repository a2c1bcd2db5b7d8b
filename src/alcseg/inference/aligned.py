"""The given label of a case aligned with what a network says of it, and what that tells of a whole set."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from alcseg.correction.alignment import align
from alcseg.data.case import Volume
from alcseg.data.plan import Plan
from alcseg.data.preprocess import preprocess_label
from alcseg.files import write_text
from alcseg.inference.predictor import Prediction, RefinedCase

__all__ = ["COLUMNS", "AlignedLabel", "ClassOffset", "align_label", "describe_offsets", "write_offsets"]

COLUMNS = ("case_id", "class", "drawn_mm", "agreement", "agreement_as_given", "label")

MIN_AGREEMENT = 0.3
"""Soft Dice below which an offset is not trusted and the refined label is taken."""


@dataclass(frozen=True)
class ClassOffset:
    """How one class of one case was drawn, by the network's opinion.

    Attributes:
        case_id: The case.
        class_name: Name of a foreground class in `dataset.json`.
        drawn_mm: How far outside of the boundary the label was drawn: positive too large, negative too small,
            0 within a voxel.
        agreement: Soft Dice of the prediction with the label moved by it.
        agreement_as_given: Soft Dice with the label as given.
        label: What was written: `aligned`, `given` where nothing had to move, or `refined` where no offset
            could be trusted.
    """

    case_id: str
    class_name: str
    drawn_mm: float
    agreement: float
    agreement_as_given: float
    label: str


@dataclass(frozen=True, eq=False)
class AlignedLabel:
    """A given label, aligned, on the source grid.

    Attributes:
        label: In the dataset's own values, `(X, Y, Z)`; the refined one where no offset can be trusted.
        offsets: One per foreground class.
    """

    label: NDArray[np.int64]
    offsets: tuple[ClassOffset, ...]

    @property
    def how(self) -> str:
        """`aligned`, `given` or `refined`."""
        return self.offsets[0].label


def align_label(refined: RefinedCase, given: Volume, plan: Plan, case_id: str) -> AlignedLabel:
    """Align the given label of a case with the fused passes, class by class.

    Args:
        refined: What the passes say.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        case_id: The case.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    grid = refined.fused.grid
    classes = preprocess_label(given, plan, grid)
    aligned = align(refined.fused.probs, classes, grid.spacing)
    mm, dice, before = (
        part[0].tolist() for part in (aligned.offsets.mm, aligned.offsets.dice, aligned.offsets.given)
    )
    present = [bool((classes == value).any()) for value in range(1, plan.num_classes)]
    worst = min((one for one, there in zip(dice, present, strict=True) if there), default=0.0)
    if worst < MIN_AGREEMENT:
        how, label = "refined", refined.label
    elif not any(mm):
        how, label = "given", given.array.astype(np.int64)
    else:
        how = "aligned"
        label = Prediction(aligned.probs.numpy(), grid, plan.label_values).label()
    offsets = tuple(
        ClassOffset(case_id, name, 0.0 - one, agreement, as_given, how)
        for name, one, agreement, as_given in zip(plan.label_names[1:], mm, dice, before, strict=True)
    )
    return AlignedLabel(label, offsets)


def describe_offsets(offsets: Sequence[ClassOffset]) -> list[str]:
    """What kind of errors a set of labels has: a sentence per class."""
    sentences = []
    for name in dict.fromkeys(one.class_name for one in offsets):
        trusted = [one.drawn_mm for one in offsets if one.class_name == name and one.label != "refined"]
        total = sum(one.class_name == name for one in offsets)
        large = [drawn for drawn in trusted if drawn > 0]
        small = [-drawn for drawn in trusted if drawn < 0]
        parts = [
            f"drawn {median(found):.1f} mm too {word} in {len(found)}"
            for word, found in (("large", large), ("small", small))
            if found
        ]
        right = len(trusted) - len(large) - len(small)
        if right:
            parts.append(f"where the network sees the boundary in {right}")
        if total > len(trusted):
            parts.append(f"not explained by an offset in {total - len(trusted)}")
        sentences.append(f"{name}: {', '.join(parts)} of {total} cases")
    return sentences


def write_offsets(path: Path, offsets: Sequence[ClassOffset]) -> None:
    """Write `offsets.csv`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in offsets:
        numbers = [f"{value:.4f}" for value in (one.drawn_mm, one.agreement, one.agreement_as_given)]
        writer.writerow([one.case_id, one.class_name, *numbers, one.label])
    write_text(path, stream.getvalue())
