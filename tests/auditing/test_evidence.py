"""Evidence on boxes small enough to count: what each number is where label and prediction are known."""

import tracemalloc

import numpy as np
import pytest

from alcseg.auditing.evidence import NAMES, entropy, evidence

SPACING = (1.0, 1.0, 1.0)


def box(low, high, shape=(20, 20, 16), value=1):
    label = np.zeros(shape, np.uint8)
    label[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = value
    return label


def sure(pred, classes=2, most=0.9):
    """Probabilities of a network that says `pred`."""
    rest = (1 - most) / (classes - 1)
    return np.stack([np.where(pred == index, most, rest) for index in range(classes)]).astype(np.float32)


def look(label, pred, classes=2, spacing=SPACING):
    rows = evidence(sure(pred, classes), label, spacing)
    return [dict(zip(NAMES, row.tolist(), strict=True)) for row in rows]


TRUTH = box((6, 6, 4), (14, 14, 12))  # 8 x 8 x 8


def test_a_label_that_agrees_has_nothing_to_show():
    (found,) = look(TRUTH, TRUTH)
    assert found["dice"] == found["union"] == found["precision"] == found["recall"] == 1
    for name in ("offset", "shift", "missing_share", "extra_share", "inner_gaps", "deviation_95", "pieces"):
        assert found[name] == pytest.approx(1 if name == "pieces" else 0, abs=0.51)
    # Every voxel has 0.9 for its class, so the soft minimum is that, too.
    assert found["soft_minimum"] == pytest.approx(0.9, abs=1e-6)
    assert found["near_band"] == pytest.approx(0.9, abs=1e-6)


def test_a_label_drawn_a_voxel_too_large_is_told_by_its_offset():
    (found,) = look(box((5, 5, 3), (15, 15, 13)), TRUTH)  # 10 x 10 x 10
    assert found["dice"] == pytest.approx(2 * 512 / (512 + 1000))
    assert found["offset"] == -1.5  # the first of the steps that leave out all centers at -0.5
    assert found["offset_dice"] == 1.0
    assert found["offset_gain"] == pytest.approx(1 - found["dice"])
    assert found["precision"] == pytest.approx(0.512)
    assert found["deviation_mean"] > 0  # its rim lies outside of the prediction


def test_a_label_three_voxels_off_is_told_by_its_shift():
    (found,) = look(np.roll(TRUTH, 3, axis=0), TRUTH)
    assert found["dice"] == pytest.approx(5 / 8)
    assert found["shift"] == 3.0
    assert found["shift_gain"] == pytest.approx(3 / 8)


def test_a_label_drawn_far_beside_the_organ_is_as_far_off_as_it_is():
    given, pred = (box((low, 4, 4), (low + 6, 8, 8), shape=(40, 12, 12)) for low in (4, 28))
    for label, seen in ((given, pred), (pred, given)):
        (found,) = look(label, seen)
        assert (found["dice"], found["shift"]) == (0, 24)  # more than half of the box around both
        assert found["shift_gain"] == pytest.approx(1)


def test_a_shift_counts_in_voxels_of_the_finest_spacing():
    (found,) = look(np.roll(TRUTH, 2, axis=2), TRUTH, spacing=(1.0, 1.0, 3.0))
    assert found["shift"] == pytest.approx(6.0)


def test_missing_slices_show_as_gaps_and_share():
    label = TRUTH.copy()
    label[:, :, 6:8] = 0  # two of eight slices
    (found,) = look(label, TRUTH)
    assert found["missing_slices"] == pytest.approx(0.25)
    assert found["inner_gaps"] == 2
    assert found["missing_share"] == pytest.approx(0.25)
    assert found["missing_sureness"] == pytest.approx(0.9, abs=1e-6)
    assert found["extra_share"] == 0
    assert found["pieces"] == 2


def test_an_extra_region_shows_as_such():
    label = TRUTH | box((0, 0, 0), (4, 4, 4))
    (found,) = look(label, TRUTH)
    assert found["extra_share"] == pytest.approx(64 / (512 + 64))
    assert found["missing_share"] == 0
    assert found["extra_depth"] > 4


def test_a_mirrored_label_gains_by_being_mirrored():
    truth = box((2, 6, 4), (8, 14, 12))
    (found,) = look(np.flip(truth, 0), truth)
    assert found["dice"] == 0
    assert found["mirror_gain"] == 1


def test_exchanged_classes_are_found_under_the_other_name():
    truth = TRUTH.copy()
    truth[10:] *= 2
    swapped = np.array([0, 2, 1], np.uint8)[truth]
    for found in look(swapped, truth, classes=3):
        assert found["dice"] == 0
        assert found["as_other_class"] == found["seen_as_other"] == 1
        assert found["union"] == 1


def test_a_forgotten_class_is_said_to_be():
    first, second = look(np.where(TRUTH, 1, 0) * (np.arange(20)[:, None, None] < 10), TRUTH * 1, classes=3)
    assert (first["not_given"], first["not_seen"]) == (0, 0)
    assert (second["not_given"], second["not_seen"]) == (1, 1)


def test_everything_is_finite_where_nothing_is_drawn_or_seen():
    empty = np.zeros((8, 8, 8), np.uint8)
    rows = evidence(sure(empty, 3), empty, SPACING)
    assert rows.shape == (2, len(NAMES))
    assert np.isfinite(rows).all()
    assert np.isfinite(evidence(sure(TRUTH), np.zeros_like(TRUTH), SPACING)).all()


def test_many_classes_need_no_copy_of_their_probabilities():
    probs = np.full((40, 16, 16, 16), 1 / 40, np.float32)
    tracemalloc.start()
    found = entropy(probs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < probs.nbytes / 4
    np.testing.assert_allclose(found, np.log(40), rtol=1e-5)
