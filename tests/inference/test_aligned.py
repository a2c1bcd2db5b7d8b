"""What offsets say of a set of labels, in words and as a table; which label is written for a case."""

import math
from pathlib import Path

import numpy as np
import torch

from alcseg.correction.alignment import CleanLabels
from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.inference.aligned import (
    AlignedLabel,
    ClassOffset,
    align_label,
    describe_offsets,
    write_offsets,
)
from alcseg.inference.predictor import Prediction
from alcseg.records.plan import Plan


def offset(case_id: str, drawn_mm: float, shape_mm: float = 1.0) -> ClassOffset:
    label = "moved" if shape_mm == 1.0 else "posterior"
    return ClassOffset(case_id, "atrium", drawn_mm, shape_mm, 0.8, 0.6, label)


def test_a_set_is_described_in_one_sentence_per_class() -> None:
    found = [
        offset("a", 1.0),
        offset("b", 3.0, 2.0),
        offset("c", -1.5, 4.0),
        offset("d", 0.0),
        offset("e", math.nan, math.nan),
    ]
    # Medians: of 1 and 3 mm, and of the shapes 2 and 4 mm of those that were weighed.
    assert describe_offsets(found) == [
        "atrium: drawn 2.0 mm too large in 2, 1.5 mm too small in 1, within a voxel in 1, "
        "elsewhere or not at all in 1 of 5 cases; in 2 the shape is off, too, by 3.0 mm"
    ]


def test_the_table_leaves_unknown_values_empty(tmp_path: Path) -> None:
    write_offsets(tmp_path / "offsets.csv", [offset("a", math.nan, math.nan)])
    assert (tmp_path / "offsets.csv").read_text() == (
        "case_id,class,drawn_mm,shape_mm,agreement,agreement_as_given,label\na,atrium,,,0.8000,0.6000,posterior\n"
    )


PLAN = Plan(
    spacing=(None, None, None),
    patch=(16, 16, 16),
    normalization="none",
    clip=None,
    label_values=(0, 7),
    label_names=("background", "atrium"),
    channel_names=("MRI",),
)
CLEAN = CleanLabels(torch.tensor([0.95]), torch.tensor([0.5]))


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros((24, 24, 24), bool)
    mask[low:high, low:high, low:high] = True
    return mask


def corrected(given: np.ndarray, seen: np.ndarray) -> AlignedLabel:
    """Of a case in which the network sees `seen`."""
    inside = np.where(seen, 0.9, 0.02).astype(np.float32)
    grid = ModelGrid.between(seen.shape, np.eye(4))
    volume = Volume(7 * given.astype(np.int64), np.eye(4), None, Path("label.nii.gz"))
    prediction = Prediction(np.stack([1 - inside, inside]), grid, PLAN.label_values)
    return align_label(prediction, volume, PLAN, "case", CLEAN)


def written(given: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, str]:
    """The label written, and what was done."""
    result = corrected(given, seen)
    return result.label, result.offsets[0].label


def test_a_label_drawn_too_large_is_moved() -> None:
    label, how = written(block(4, 20), block(7, 17))
    assert how == "moved"
    assert (label == 7 * block(7, 17)).mean() > 0.99


def test_a_label_that_agrees_as_clean_ones_do_stays_as_it_is() -> None:
    given = block(6, 18)
    seen = given.copy()
    seen[6, 6, 6:12] = False
    label, how = written(given, seen)
    assert how == "given"
    assert np.array_equal(label, 7 * given)


def test_a_label_with_a_slice_missing_is_weighed_with_the_prediction() -> None:
    given = block(6, 18)
    given[:, :, 10:14] = False
    label, how = written(given, block(6, 18))
    assert how == "posterior"
    assert np.array_equal(label, 7 * block(6, 18))


def test_a_label_elsewhere_and_one_that_the_network_misses_stay_and_are_undecided() -> None:
    for given, seen in (
        (block(1, 7), block(14, 22)),
        (block(6, 18), block(0, 2)),
        (block(0, 0), block(6, 18)),
    ):
        result = corrected(given, seen)
        assert result.undecided
        assert result.offsets[0].label == "given"
        assert np.array_equal(result.label, 7 * given)
    assert not corrected(block(6, 18), block(6, 18)).undecided
    assert not corrected(block(0, 0), block(0, 0)).undecided
