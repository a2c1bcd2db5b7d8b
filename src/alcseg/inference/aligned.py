"""The given label of a case aligned with what a network says of it, and what that tells of a whole set."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from alcseg.correction.alignment import (
    MIN_AGREEMENT,
    TOLERANCE,
    CleanLabels,
    align,
    see_label,
    shape_error,
)
from alcseg.correction.offsets import Offsets
from alcseg.data.case import Volume
from alcseg.data.preprocess import preprocess_label
from alcseg.files import write_text
from alcseg.inference.predictor import Prediction
from alcseg.records.plan import Plan

__all__ = [
    "COLUMNS",
    "AlignedLabel",
    "ClassOffset",
    "align_label",
    "describe_offsets",
    "see_given",
    "write_offsets",
]

COLUMNS = ("case_id", "class", "drawn_mm", "shape_mm", "agreement", "agreement_as_given", "label")


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
            weighed with the prediction; `given`, where it needs no move, or where the two have nothing to do
            with each other: then a person has to tell which is wrong.
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
        undecided: Label and prediction have nothing to do with each other; the label is the given one.
    """

    label: NDArray[np.int64]
    offsets: tuple[ClassOffset, ...]
    undecided: bool


def see_given(prediction: Prediction, given: Volume, plan: Plan) -> Offsets:
    """What a prediction says of the given label of a case, on the model grid.

    Args:
        prediction: One plain pass: perturbed ones are worse at the same cost.
        given: The label as it came, on the grid of the images.
        plan: Of the run.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    grid = prediction.grid
    return see_label(prediction.probs, preprocess_label(given, plan, grid), grid.spacing)[0]


def align_label(
    prediction: Prediction,
    given: Volume,
    plan: Plan,
    case_id: str,
    clean: CleanLabels | None,
    *,
    tolerance: float = TOLERANCE,
) -> AlignedLabel:
    """The label to write for a case: moved, weighed with the prediction, or as given.

    Args:
        prediction: One plain pass.
        given: The label as it came, on the grid of the images.
        plan: Of the run.
        case_id: The case.
        clean: How the network sees clean labels; None where it is not known.
        tolerance: See `set_tolerance`.

    Raises:
        LabelError: If the label holds a value that the plan does not know.
    """
    grid = prediction.grid
    aligned = align(
        prediction.probs,
        preprocess_label(given, plan, grid),
        grid.spacing,
        clean=clean,
        tolerance=tolerance,
    )
    found = aligned.offsets
    drawn = [bool((given.array == value).any()) for value in plan.label_values[1:]]
    told = [
        there and agreement >= MIN_AGREEMENT
        for there, agreement in zip(drawn, found.dice[0].tolist(), strict=True)
    ]
    if not any(told) or (aligned.how == "moved" and not found.mm[0].any()):
        how, label = "given", given.array.astype(np.int64)
    else:
        how = aligned.how
        label = Prediction(aligned.probs.numpy(), grid, plan.label_values).label()
    blur = clean.blur_mm if clean is not None else 0.0
    shape = shape_error(found, blur, min(grid.spacing))[0].tolist()
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
    something = any(drawn) or bool(prediction.probs.argmax(0).any())
    return AlignedLabel(label, offsets, undecided=something and not any(told))


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
