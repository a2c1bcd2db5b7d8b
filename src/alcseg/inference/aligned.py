"""The given label of a case aligned with what a network says of it, and what that tells of a whole set."""

import csv
import dataclasses
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.correction.alignment import MIN_AGREEMENT, AlignedCase, CleanLabels, align, shape_error
from alcseg.correction.offsets import Offsets
from alcseg.data.case import Volume
from alcseg.data.plan import Plan
from alcseg.data.preprocess import preprocess_label
from alcseg.files import write_text
from alcseg.inference.predictor import Prediction

__all__ = [
    "COLUMNS",
    "AlignedLabel",
    "ClassOffset",
    "align_case",
    "align_label",
    "clean_labels",
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
        label: What was written: `moved`, where the label errs by its offset alone; `posterior`, where it was
            weighed with the prediction; `given`, where it needs no move or the prediction has missed the
            organ; `predicted`, where the two have nothing to do with each other.
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


def align_case(
    prediction: Prediction, given: Volume, plan: Plan, *, clean: CleanLabels | None = None
) -> AlignedCase:
    """Align the given label of a case with a prediction, on the model grid.

    Args:
        prediction: One plain pass: perturbed ones are worse at the same cost.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        clean: See `align`.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    grid = prediction.grid
    return align(prediction.probs, preprocess_label(given, plan, grid), grid.spacing, clean=clean)


def align_label(
    prediction: Prediction, given: Volume, plan: Plan, case_id: str, clean: CleanLabels | None
) -> AlignedLabel:
    """The label to write for a case: moved, weighed with the prediction, or as given.

    Args:
        prediction: One plain pass.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        case_id: The case.
        clean: How the network sees clean labels; None where it is not known.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    aligned = align_case(prediction, given, plan, clean=clean)
    found, spacing = aligned.offsets, prediction.grid.spacing
    predicted = prediction.label()
    sizes = [((given.array == value).sum(), (predicted == value).sum()) for value in plan.label_values[1:]]
    present = [drawn > 0 for drawn, _ in sizes]
    told = [
        there and agreement >= MIN_AGREEMENT
        for there, agreement in zip(present, found.dice[0].tolist(), strict=True)
    ]
    lost = any(drawn > 0 and seen < _LOST * drawn for drawn, seen in sizes)
    label = given.array.astype(np.int64)
    if not any(told) and lost:
        how = "given"  # the fault is the network's
    elif not any(told):
        how, label = "predicted", predicted
    elif aligned.how == "moved" and not found.mm[0].any():
        how = "given"
    else:
        how = aligned.how
        label = Prediction(aligned.probs.numpy(), prediction.grid, plan.label_values).label()
    blur = clean.blur_mm if clean is not None else 0.0
    shape = shape_error(found, blur, min(spacing))[0].tolist()
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


def clean_labels(cases: Sequence[AlignedCase]) -> CleanLabels | None:
    """How a network sees clean labels, from cases of them; None without any."""
    if not cases:
        return None
    fields = zip(*(dataclasses.astuple(case.offsets) for case in cases), strict=True)
    return CleanLabels.of(Offsets(*(torch.cat(values) for values in fields)))


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
        shapes = [one.shape_mm for one in drawn if one.label == "posterior"]
        shape = f"; in {len(shapes)} the shape is off, too, by {median(shapes):.1f} mm" if shapes else ""
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
