"""What is written for a case, why, and what is told of it."""

import math
from collections.abc import Iterable

import numpy as np
import pytest
import torch

from alcseg.correction.alignment import see_label
from alcseg.correction.decision import Look, Opinion, decide, offset_rows, pseudo_label

NAMES = ("atrium", "wall")


def block(low: int, high: int) -> np.ndarray:
    mask = np.zeros((24, 24, 24), bool)
    mask[low:high, low:high, low:high] = True
    return mask


def opinion(label: np.ndarray, *seen: np.ndarray, spacing: tuple[float, ...] = (1.0, 1.0, 1.0)) -> Opinion:
    """Of a network that sees a mask for each class of `label`; values in the file are 7, 8, ..."""
    inside = np.stack([np.where(mask, 0.9, 0.02) for mask in seen]).astype(np.float32)
    probs = np.concatenate([1 - inside.sum(0, keepdims=True), inside])

    def to_source(classes: Iterable[np.ndarray]) -> np.ndarray:
        return np.array([0, *range(7, 7 + len(seen))])[np.stack(list(classes)).argmax(0)]

    return Opinion(probs, probs.argmax(0).astype(np.uint8), label.astype(np.uint8), spacing, to_source)


def look(one: Opinion) -> Look:
    refined = one.to_source((one.refined == index).astype(np.float32) for index in range(len(one.probs)))
    return Look("case", refined, np.zeros(one.label.shape, np.float32), one)


def test_the_given_label_stays_to_the_voxel() -> None:
    given = 7 * block(4, 20)
    found = decide(look(opinion(block(4, 20), block(7, 17))), given, {}, "given", "it is fine")
    assert found.written is given
    assert (found.action, found.reason, found.voxels_changed) == ("given", "it is fine", 0)


def test_refined_writes_the_fused_passes() -> None:
    given = 7 * block(4, 20)
    found = decide(look(opinion(block(4, 20), block(7, 17))), given, {}, "refined", "")
    assert np.array_equal(found.written, 7 * block(7, 17))
    assert found.voxels_changed == 16**3 - 10**3


def test_classes_that_no_trusted_label_holds_stay() -> None:
    atrium, wall = block(4, 14), block(15, 20)
    given = 7 * atrium + 8 * wall
    seen = look(opinion(atrium + 2 * wall, block(4, 16), block(1, 3)))  # of walls it knows nothing
    found = decide(seen, given, {}, "refined", "", untouched=[8])
    assert np.array_equal(found.written == 8, wall)
    assert np.array_equal(found.written == 7, block(4, 16) & ~wall)


def test_only_voxels_that_a_proposal_changes_are_written() -> None:
    # The file holds a detail that the model grid has lost; the proposal changes something else.
    label, given = block(6, 18), 7 * block(6, 18)
    given[0, 0, 0] = 7
    patched = label.astype(np.uint8)
    patched[10:14, 10:14, 10:14] = 0
    found = decide(look(opinion(label, label)), given, {"patched": patched}, "patched", "")
    assert found.written[0, 0, 0] == 7
    assert (found.written[10:14, 10:14, 10:14] == 0).all()
    assert found.voxels_changed == 64


def test_an_unlabeled_case_gets_the_refined_label_and_what_is_not_background_counts() -> None:
    refined = np.where(block(6, 18), 7, 3)
    found = pseudo_label(Look("case", refined, np.zeros(refined.shape)), background=3)
    assert found.action == "pseudo_labeled"
    assert found.written is refined
    assert found.voxels_changed == 12**3


def test_offsets_tell_how_each_class_was_drawn() -> None:
    one = opinion(block(4, 20), block(7, 17))
    found, _ = see_label(one.probs, one.label, one.spacing)
    (row,) = offset_rows(look(one), found, 0.5, "moved", NAMES[:1])
    assert (row.case_id, row.class_name, row.label) == ("case", "atrium", "moved")
    assert row.drawn_mm == pytest.approx(3, abs=0.5)
    assert row.agreement > 0.9 > row.agreement_as_given
    same = opinion(block(6, 18), block(6, 18))
    found, _ = see_label(same.probs, same.label, same.spacing)
    (row,) = offset_rows(look(same), found, 0.0, "given", NAMES[:1])
    assert math.copysign(1, row.drawn_mm) == 1  # not written as -0


@pytest.mark.parametrize(
    ("given", "seen"),
    [(block(1, 7), block(14, 22)), (block(6, 18), block(0, 0)), (block(0, 0), block(6, 18))],
    ids=["elsewhere", "not seen", "not drawn"],
)
def test_a_label_that_has_nothing_to_do_with_the_prediction_was_not_drawn_by_any_offset(given, seen) -> None:
    one = opinion(given, seen)
    found, _ = see_label(one.probs, one.label, one.spacing)
    (row,) = offset_rows(look(one), found, 0.5, "given", NAMES[:1])
    assert math.isnan(row.drawn_mm)
    assert math.isnan(row.shape_mm)
    assert row.agreement < 0.3


def test_a_shape_is_off_by_what_the_blur_does_not_explain() -> None:
    given = block(6, 18)
    given[:, :, 10:14] = False
    one = opinion(given, block(6, 18))
    found, _ = see_label(one.probs, one.label, one.spacing)
    sharp, blurred = (
        offset_rows(look(one), found, torch.tensor([blur]), "given", NAMES[:1])[0] for blur in (0.0, 1e3)
    )
    assert sharp.shape_mm > blurred.shape_mm == 0.5
