"""Places where a label and a prediction plainly differ: found, told, and mended without a touch elsewhere."""

import numpy as np
import pytest

from alcseg.auditing.patches import PATCH_NAMES, Patch, benefit, find_patches, patched

ISOTROPIC = (1.0, 1.0, 1.0)


def block(low: int, high: int) -> np.ndarray:
    label = np.zeros((26, 26, 26), np.uint8)
    label[low:high, low:high, low:high] = 1
    return label


def find(label: np.ndarray, pred: np.ndarray, spacing: tuple[float, ...] = ISOTROPIC) -> list[Patch]:
    classes = max(int(label.max()), int(pred.max()), 1) + 1
    same = pred == np.arange(classes)[:, None, None, None]
    return find_patches(np.where(same, 0.9, 0.1 / (classes - 1)).astype(np.float32), label, spacing)


def told(patch: Patch) -> dict[str, float]:
    return dict(zip(PATCH_NAMES, patch.row.tolist(), strict=True))


def test_a_missing_slice_is_mended_and_boundaries_stay_as_drawn() -> None:
    truth = block(6, 20)
    given = truth.copy()
    given[:, :, 12:14] = 0  # two slices are forgotten
    given[5, 6:20, 6:12] = 1  # and the boundary lies a voxel too far out on one side
    (patch,) = find(given, truth)
    mended = patched(given, truth, [patch])
    assert np.array_equal(mended[6:20, 6:20, 12:14], truth[6:20, 6:20, 12:14])
    assert (mended[5, 8:18, 6:10] == 1).all()
    assert benefit(patch, given, truth, truth) == 1
    assert benefit(patch, given, truth, given) == -1
    row = told(patch)
    assert row["empty_slices"] == 1
    assert row["extra"] == row["exchanged"] == 0
    assert row["volume"] == pytest.approx(np.log(14 * 14 * 2), abs=0.1)
    assert row["sureness"] == pytest.approx(0.9)
    assert row["margin"] == pytest.approx(0.8)


def test_what_differs_by_no_more_than_a_boundary_is_no_patch() -> None:
    given = block(7, 19)
    for pred in (block(6, 20), block(8, 18), given):
        assert find(given, pred) == []
    assert find(block(0, 0), block(0, 0)) == []


def test_each_place_is_judged_by_itself() -> None:
    truth = block(4, 22)
    given = truth.copy()
    given[9:12, 9:12, 9:12] = 0  # a hole deep inside
    pred = truth.copy()
    pred[13:19, 13:19, 13:19] = 0  # and a place that the network does not see
    one, two = find(given, pred)
    assert {benefit(patch, given, pred, truth) for patch in (one, two)} == {1, -1}
    hole = one if told(one)["extra"] == 0 else two
    mended = patched(given, pred, [hole])
    assert (mended[9:12, 9:12, 9:12] == 1).all()
    assert (mended[13:19, 13:19, 13:19] == 1).all()


def test_a_forgotten_class_comes_back_and_the_other_is_not_touched() -> None:
    truth = block(4, 22)
    truth[13:22, 4:22, 4:22] = 2
    given = np.where(truth == 2, 0, truth).astype(np.uint8)
    given[4, 4:22, 4:22] = 0  # a rim of the other class, which a person may have had reasons for
    (patch,) = find(given, truth)
    mended = patched(given, truth, [patch])
    assert (mended[14:22] == truth[14:22]).mean() > 0.99  # all but the corners
    assert (mended[4] == 0).all()


def test_classes_that_are_exchanged_are_told() -> None:
    truth = block(4, 22)
    truth[13:22, 4:22, 4:22] = 2
    exchanged = np.array([0, 2, 1], np.uint8)[truth]
    rows = [told(patch) for patch in find(exchanged, truth)]
    assert all(row["exchanged"] == 1 and row["union"] == 1 for row in rows)


def test_depth_is_in_millimetres() -> None:
    # Across thick slices the next one is already deep: a slice that was left out is plainly wrong.
    truth = block(6, 20)
    given = truth.copy()
    given[:, :, 6] = 0
    assert find(given, truth) == []
    (patch,) = find(given, truth, (1.0, 1.0, 8.0))
    assert np.array_equal(patched(given, truth, [patch])[10:16, 10:16], truth[10:16, 10:16])


def test_a_network_that_sees_nothing_anywhere_gives_finite_numbers():
    label = np.zeros((12, 12, 12), np.uint8)
    label[3:9, 3:9, 3:9] = 1
    probs = np.stack([np.full(label.shape, 0.9, np.float32), np.full(label.shape, 0.1, np.float32)])
    (patch,) = find_patches(probs, label, (1.0, 1.0, 1.0))
    assert np.isfinite(patch.row).all()
