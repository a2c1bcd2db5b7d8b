"""The given label of a case aligned with what a network says of it, and what that tells of a whole set."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.correction.alignment import MIN_AGREEMENT, AlignedCase, align, shape_error
from alcseg.data.case import Volume
from alcseg.data.plan import Plan
from alcseg.data.preprocess import preprocess_label
from alcseg.files import write_text
from alcseg.inference.predictor import Prediction, RefinedCase

__all__ = [
    "COLUMNS",
    "AlignedLabel",
    "ClassOffset",
    "CleanReference",
    "align_case",
    "align_label",
    "describe_offsets",
    "write_offsets",
]

COLUMNS = ("case_id", "class", "drawn_mm", "shape_mm", "agreement", "agreement_as_given", "label")

_LOST = 0.1
"""A prediction of less than this share of the given volume has missed the organ."""


@dataclass(frozen=True)
class ClassOffset:
    """How one class of one case was drawn, by the network's opinion.

    Attributes:
        case_id: The case.
        class_name: Name of a foreground class in `dataset.json`.
        drawn_mm: How far outside of the boundary the label was drawn: positive too large, negative too small,
            0 within a voxel; nan where label and prediction have nothing to do with each other.
        shape_mm: By how much the drawn shape is off beside that; nan likewise.
        agreement: Dice of the prediction and the label moved by it.
        agreement_as_given: Dice with the label as given.
        label: What was written: `aligned`; `given` where the prediction agrees with the label as well as with
            clean ones, or has missed the organ; `refined` where it is nan for every class.
    """

    case_id: str
    class_name: str
    drawn_mm: float
    shape_mm: float
    agreement: float
    agreement_as_given: float
    label: str


@dataclass(frozen=True, eq=False)
class AlignedLabel:
    """A given label, aligned, on the source grid.

    Attributes:
        label: In the dataset's own values, `(X, Y, Z)`.
        offsets: One per foreground class.
    """

    label: NDArray[np.int64]
    offsets: tuple[ClassOffset, ...]


@dataclass(frozen=True)
class CleanReference:
    """How a network sees clean labels of cases that it was not trained on, one value per foreground class.

    Attributes:
        blur_mm: Mean width of the boundaries.
        agreement: Lowest Dice; a label with less is not taken for clean.
    """

    blur_mm: tuple[float, ...]
    agreement: tuple[float, ...]

    @classmethod
    def of(cls, cases: Sequence[AlignedCase], count: int) -> "CleanReference":
        """From cases with clean labels; without any, everything is put down to the label."""
        if not cases:
            return cls((0.0,) * count, (float("inf"),) * count)
        widths = torch.cat([case.offsets.width_mm for case in cases])
        agreements = torch.cat([case.offsets.given for case in cases])
        return cls(tuple(widths.mean(0).tolist()), tuple(agreements.amin(0).tolist()))


def align_case(
    refined: RefinedCase, given: Volume, plan: Plan, *, weigh: bool = True, blur_mm: float = 0.0
) -> AlignedCase:
    """Align the given label of a case with the fused passes, on the model grid.

    Args:
        refined: What the passes say.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        weigh: See `align`.
        blur_mm: See `align`.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    grid = refined.fused.grid
    classes = preprocess_label(given, plan, grid)
    return align(refined.fused.probs, classes, grid.spacing, weigh=weigh, blur_mm=blur_mm)


def align_label(
    refined: RefinedCase,
    given: Volume,
    plan: Plan,
    case_id: str,
    reference: CleanReference,
    *,
    weigh: bool = False,
) -> AlignedLabel:
    """The label to write for a case: aligned, or as given where it is as good as a clean one.

    Args:
        refined: What the passes say.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        case_id: The case.
        reference: What clean labels look like.
        weigh: Weigh the moved label against the prediction instead of taking it as it is.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    blur = sum(reference.blur_mm) / len(reference.blur_mm)
    aligned = align_case(refined, given, plan, weigh=weigh, blur_mm=blur)
    found = aligned.offsets
    values = plan.label_values[1:]
    present = [bool((given.array == value).any()) for value in values]
    clean = [
        not there or (offset == 0 and agreement >= least)
        for there, offset, agreement, least in zip(
            present, found.mm[0].tolist(), found.given[0].tolist(), reference.agreement, strict=True
        )
    ]
    shape = shape_error(found, blur, min(refined.fused.grid.spacing))[0].tolist()
    told = [
        there and agreement >= MIN_AGREEMENT
        for there, agreement in zip(present, found.dice[0].tolist(), strict=True)
    ]
    lost = [
        there and (refined.label == value).sum() < _LOST * (given.array == value).sum()
        for there, value in zip(present, values, strict=True)
    ]
    if any(present) and not any(told) and any(lost):
        how, label = "given", given.array.astype(np.int64)  # the fault is the network's
    elif not any(told):
        how, label = "refined", refined.label
    elif all(clean):
        how, label = "given", given.array.astype(np.int64)
    else:
        how = "aligned"
        label = Prediction(aligned.probs.numpy(), refined.fused.grid, plan.label_values).label()
    offsets = tuple(
        ClassOffset(
            case_id,
            name,
            drawn_mm=0.0 - float(found.mm[0, index]) if told[index] else float("nan"),
            shape_mm=shape[index] if told[index] else float("nan"),
            agreement=float(found.dice[0, index]),
            agreement_as_given=float(found.given[0, index]),
            label=how,
        )
        for index, name in enumerate(plan.label_names[1:])
    )
    return AlignedLabel(label, offsets)


def describe_offsets(offsets: Sequence[ClassOffset]) -> list[str]:
    """What kind of errors a set of labels has: a sentence per class."""
    sentences = []
    for name in dict.fromkeys(one.class_name for one in offsets):
        of_class = [one for one in offsets if one.class_name == name]
        drawn = [one for one in of_class if not math.isnan(one.shape_mm)]
        large = [one.drawn_mm for one in drawn if one.drawn_mm > 0]
        small = [-one.drawn_mm for one in drawn if one.drawn_mm < 0]
        parts = [
            f"{median(found):.1f} mm too {word} in {len(found)}"
            for word, found in (("large", large), ("small", small))
            if found
        ]
        right = len(drawn) - len(large) - len(small)
        parts += [f"within a voxel in {right}"] if right else []
        parts += (
            [f"elsewhere or not at all in {len(of_class) - len(drawn)}"] if len(of_class) > len(drawn) else []
        )
        shapes = median([one.shape_mm for one in drawn]) if drawn else float("nan")
        shape = f"; beside that the shape is off by {shapes:.1f} mm" if drawn else ""
        sentences.append(f"{name}: drawn {', '.join(parts)} of {len(of_class)} cases{shape}")
    return sentences


def write_offsets(path: Path, offsets: Sequence[ClassOffset]) -> None:
    """Write `offsets.csv`."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in offsets:
        values = (one.drawn_mm, one.shape_mm, one.agreement, one.agreement_as_given)
        numbers = ["" if math.isnan(value) else f"{value:.4f}" for value in values]
        writer.writerow([one.case_id, one.class_name, *numbers, one.label])
    write_text(path, stream.getvalue())
