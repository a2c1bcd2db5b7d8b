"""Which label is written for a case, why, and what is told of it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from alcseg.correction.alignment import LEARNT_TOLERANCE, TOLERANCE, CleanLabels, see_label
from alcseg.correction.decision import Decision, Look, Opinion, Standard, decide
from alcseg.correction.offsets import Offsets

CLASSES = {"background": 0, "atrium": 7}
STANDARD = Standard(CleanLabels(torch.tensor([0.95]), torch.tensor([0.5])))


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros((24, 24, 24), bool)
    mask[low:high, low:high, low:high] = True
    return mask


def opinion(label: np.ndarray, *seen: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Opinion:
    """Of a network that sees a mask for each class of `label`; values in the file are 7, 8, ..."""
    inside = np.stack([np.where(mask, 0.9, 0.02) for mask in seen]).astype(np.float32)
    probs = np.concatenate([1 - inside.sum(0, keepdims=True), inside])
    label = label.astype(np.uint8)

    def to_source(aligned: np.ndarray) -> np.ndarray:
        return np.array([0, *range(7, 7 + len(seen))])[aligned.argmax(0)]

    return Opinion(probs, label, spacing, see_label(probs, label, spacing), to_source)


def decided(given: np.ndarray, seen: np.ndarray, standard: Standard = STANDARD) -> Decision:
    """Of a case with one class."""
    look = Look("case", 7 * seen, np.zeros(given.shape, np.float32), opinion(given, seen))
    return decide(look, 7 * given, standard, CLASSES)


def test_a_label_drawn_too_large_is_moved() -> None:
    given, truth = block(4, 20), block(7, 17)
    found = decided(given, truth)
    assert found.action == "moved"
    assert "moved to where the network sees the boundary" in found.reason
    assert (found.written == 7 * truth).mean() > 0.99
    assert found.seen is found.written
    assert found.voxels_changed == (found.written != 7 * given).sum() > 0
    assert found.voxels_kept == 0
    (row,) = found.offsets
    assert (row.case_id, row.class_name, row.label) == ("case", "atrium", "moved")
    assert row.drawn_mm == pytest.approx(3, abs=0.5)
    assert row.agreement > 0.9 > row.agreement_as_given


def test_voxels_that_a_moved_label_gains_count_as_changed() -> None:
    given = block(7, 17)
    found = decided(given, block(4, 20))
    assert found.action == "moved"
    assert found.voxels_changed == (found.written == 7).sum() - given.sum() > 1000


def test_without_clean_labels_to_compare_with_any_label_is_moved() -> None:
    given, seen = block(4, 20), block(7, 17)
    perfect = CleanLabels(torch.tensor([1.1]), torch.tensor([0.0]))
    found = Offsets(*torch.tensor([[[-3.0]], [[0.9]], [[0.6]], [[2.0]]]), torch.tensor([[True]]))
    look = Look("case", 7 * seen, np.zeros(given.shape), replace(opinion(given, seen), offsets=found))
    weighed, moved = (
        decide(look, 7 * given, standard, CLASSES) for standard in (Standard(perfect), Standard())
    )
    assert (weighed.action, moved.action) == ("posterior", "moved")
    assert moved.offsets[0].shape_mm == 2  # nothing of the width is taken to be the network's blur


def test_a_label_that_agrees_as_clean_ones_do_stays_as_it_is() -> None:
    given = block(6, 18)
    seen = given.copy()
    seen[6, 6, 6:12] = False
    found = decided(given, seen)
    assert found.action == found.offsets[0].label == "given"
    assert np.array_equal(found.written, 7 * given)
    assert found.voxels_changed == 0
    assert found.offsets[0].drawn_mm == 0
    assert math.copysign(1, found.offsets[0].drawn_mm) == 1  # not written as -0


def test_a_label_with_a_slice_missing_is_weighed_with_the_prediction() -> None:
    given = block(6, 18)
    given[:, :, 10:14] = False
    found = decided(given, block(6, 18))
    assert found.action == found.offsets[0].label == "posterior"
    assert np.array_equal(found.written, 7 * block(6, 18))


def test_a_label_that_needs_no_move_is_weighed_all_the_same_if_its_set_errs_in_shape() -> None:
    given = block(6, 18)
    assert decided(given, given).action == "given"
    assert decided(given, given, Standard(STANDARD.clean, -math.inf)).action == "posterior"


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        (block(1, 7), block(14, 22)),
        (block(6, 18), block(0, 2)),
        (block(6, 18), block(0, 0)),
        (block(0, 0), block(6, 18)),
    ],
    ids=["elsewhere", "hardly seen", "not seen", "not drawn"],
)
def test_a_label_that_has_nothing_to_do_with_the_prediction_stays(given, seen) -> None:
    found = decided(given, seen)
    assert found.action == "undecided"
    assert "a person has to look" in found.reason
    assert np.array_equal(found.written, 7 * given)
    assert np.array_equal(found.seen, 7 * seen)  # what the ranking compares it with
    (row,) = found.offsets
    assert row.label == "given"
    assert math.isnan(row.drawn_mm)
    assert math.isnan(row.shape_mm)
    assert row.agreement < 0.3


def test_nothing_drawn_and_nothing_seen_is_agreement() -> None:
    assert decided(block(0, 0), block(0, 0)).action == "given"


@pytest.mark.parametrize(("agreement", "action"), [(0.299, "undecided"), (0.3, "posterior")])
def test_a_dice_of_three_tenths_is_agreement(agreement: float, action: str) -> None:
    given = block(6, 18)
    found = Offsets(*torch.tensor([[[1.0]], [[agreement]], [[0.2]], [[2.0]]]), torch.tensor([[True]]))
    look = Look("case", 7 * given, np.zeros(given.shape), replace(opinion(given, given), offsets=found))
    decision = decide(look, 7 * given, STANDARD, CLASSES)
    assert decision.action == action
    row = decision.offsets[0]
    assert (row.agreement, row.agreement_as_given) == pytest.approx((agreement, 0.2))
    # The width of 2 mm, without the blur of 0.5 mm.
    told = (-1.0, math.sqrt(2**2 - 0.5**2)) if action == "posterior" else (math.nan, math.nan)
    assert (row.drawn_mm, row.shape_mm) == pytest.approx(told, nan_ok=True)


def test_a_shape_is_off_by_half_a_voxel_of_the_finest_spacing_at_least() -> None:
    given = block(6, 18)
    look = Look("case", 7 * given, np.zeros(given.shape), opinion(given, given, spacing=(2.0, 0.5, 1.0)))
    assert decide(look, 7 * given, STANDARD, CLASSES).offsets[0].shape_mm == pytest.approx(0.25)


def test_one_class_that_agrees_is_enough_and_the_other_tells_nothing() -> None:
    given = block(6, 18).astype(np.uint8)
    given[20:, 20:, 20:] = 2
    other = block(0, 4)
    asked = opinion(given, block(6, 18), other)
    look = Look("case", np.zeros(given.shape), np.zeros(given.shape), asked)
    classes = {"background": 0, "left": 7, "right": 8}
    values = np.array([0, 7, 8])[given]
    standard = Standard(CleanLabels(torch.tensor([0.9, 0.9]), torch.tensor([0.5, 0.5])))
    found = decide(look, values, standard, classes)
    assert found.action == "posterior"  # not all classes agree as clean ones do
    left, right = found.offsets
    assert (left.class_name, right.class_name) == ("left", "right")
    assert left.drawn_mm == 0
    assert math.isnan(right.drawn_mm)


def refined(uncertainty: float | np.ndarray = 0.0) -> Look:
    """Of a case of which nobody asked about the label."""
    seen = block(6, 18)
    return Look("case", 7 * seen, np.broadcast_to(np.float32(uncertainty), seen.shape))


def test_where_labels_are_not_aligned_fused_passes_replace_them() -> None:
    found = decide(refined(), 7 * block(4, 20), STANDARD, CLASSES)
    assert (found.action, found.reason) == ("refined", "fused passes replace the label")
    assert np.array_equal(found.written, 7 * block(6, 18))
    assert found.offsets == ()
    assert found.voxels_changed == 16**3 - 12**3


def test_an_unlabeled_case_gets_the_refined_label_and_what_is_not_background_counts() -> None:
    look = Look("case", np.where(block(6, 18), 7, 3), np.full((24, 24, 24), 9.0))
    found = decide(look, None, Standard(threshold=0.5), {"background": 3, "atrium": 7})
    assert found.action == "pseudo_labeled"
    assert found.reason == "no label was given: pseudo label from the fused passes"
    assert found.written is found.seen is look.refined
    assert found.voxels_changed == 12**3
    assert found.voxels_kept == 0


def test_a_voxel_above_the_threshold_keeps_its_label() -> None:
    given = 7 * block(4, 20)
    uncertainty = np.zeros(given.shape, np.float32)
    uncertainty[4] = 0.625  # a face of the given label, which is larger than the refined one
    uncertainty[19] = 0.5
    uncertainty[0] = 9.0  # both say background
    found = decide(refined(uncertainty), given, Standard(threshold=0.5), CLASSES)
    expected = 7 * block(6, 18)
    expected[4] = given[4]
    assert np.array_equal(found.written, expected)
    assert np.array_equal(found.seen, 7 * block(6, 18))
    assert found.voxels_kept == 16 * 16
    assert found.voxels_changed == 16**3 - 12**3 - 16 * 16
    assert found.reason == "fused passes replace the label where u <= 0.5"


def seen(*agreement: float) -> list[Offsets]:
    """Of cases with one class."""
    return [
        Offsets(*torch.tensor([[[0.0]], [[value]], [[value]], [[1.5]]]), torch.tensor([[True]]))
        for value in agreement
    ]


def test_a_set_is_judged_by_its_median() -> None:
    # Clean labels agree by 0.9, so a median of 0.84 is too low by a hair, if they were held out.
    standard = Standard.of(seen(0.85, 0.95), seen(0.5, 0.84, 0.99), learnt=False, threshold=0.25)
    assert standard.clean is not None
    assert standard.clean.agreement.item() == pytest.approx(0.9)
    assert standard.clean.blur_mm.item() == 1.5
    assert standard.tolerance == -math.inf
    assert standard.threshold == 0.25
    assert (
        Standard.of(seen(0.9), seen(0.5, 0.86, 0.99), learnt=False, threshold=None).tolerance == 2 * TOLERANCE
    )
    learnt = Standard.of(seen(0.85, 0.95), seen(0.5, 0.84, 0.99), learnt=True, threshold=None)
    assert learnt.tolerance == 2 * LEARNT_TOLERANCE


def test_without_clean_labels_or_without_any_given_nothing_is_judged() -> None:
    nothing = Standard.of([], seen(0.1), learnt=True, threshold=0.5)
    assert (nothing.clean, nothing.tolerance, nothing.threshold) == (None, TOLERANCE, 0.5)
    alone = Standard.of(seen(0.9), [], learnt=True, threshold=None)
    assert alone.clean is not None
    assert alone.tolerance == TOLERANCE
