"""What could be written for a label: each proposal mends the error that it is for, and nothing else."""

import numpy as np
import pytest

from alcseg.correction.proposals import patch_label, propose

ISOTROPIC = (1.0, 1.0, 1.0)


def block(low: int, high: int) -> np.ndarray:
    label = np.zeros((26, 26, 26), np.uint8)
    label[low:high, low:high, low:high] = 1
    return label


def probabilities(pred: np.ndarray, classes: int = 2) -> np.ndarray:
    same = pred == np.arange(classes)[:, None, None, None]
    return np.where(same, 0.9, 0.1 / (classes - 1)).astype(np.float32)


def test_a_label_drawn_too_large_is_moved_back() -> None:
    truth = block(8, 18)
    proposals, found = propose(probabilities(truth), truth, block(5, 21), ISOTROPIC, 0.5)
    assert (proposals["moved"] != truth).mean() < 0.01
    assert float(found.mm[0, 0]) == pytest.approx(-3, abs=0.5)
    assert list(proposals) == ["given", "patched", "moved", "posterior", "refined"]
    assert all(one.dtype == np.uint8 for one in proposals.values())


def test_a_missing_slice_is_patched_and_boundaries_stay_as_drawn() -> None:
    truth = block(6, 20)
    given = truth.copy()
    given[:, :, 12:14] = 0  # two slices are forgotten
    given[5, 6:20, 6:12] = 1  # and the boundary lies a voxel too far out on one side
    patched = patch_label(given, truth, ISOTROPIC)
    assert np.array_equal(patched[6:20, 6:20, 12:14], truth[6:20, 6:20, 12:14])
    assert (patched[5, 8:18, 6:10] == 1).all()


def test_what_differs_by_no_more_than_a_boundary_is_no_plain_error() -> None:
    given = block(7, 19)
    assert patch_label(given, block(6, 20), ISOTROPIC) is given
    assert patch_label(given, block(8, 18), ISOTROPIC) is given
    assert patch_label(given, given.copy(), ISOTROPIC) is given


def test_a_forgotten_class_comes_back_and_the_other_is_not_touched() -> None:
    truth = block(4, 22)
    truth[13:22, 4:22, 4:22] = 2
    given = np.where(truth == 2, 0, truth).astype(np.uint8)
    given[4, 4:22, 4:22] = 0  # a rim of the other class, which a person may have had reasons for
    patched = patch_label(given, truth, ISOTROPIC)
    assert (patched[14:22] == truth[14:22]).mean() > 0.99  # all but the corners
    assert (patched[4] == 0).all()


def test_depth_is_in_millimetres() -> None:
    # Across thick slices the next one is already deep: a slice that was left out is plainly wrong.
    truth = block(6, 20)
    given = truth.copy()
    given[:, :, 6] = 0
    assert patch_label(given, truth, ISOTROPIC) is given
    assert np.array_equal(patch_label(given, truth, (1.0, 1.0, 8.0))[10:16, 10:16], truth[10:16, 10:16])


def test_a_label_that_tells_nothing_is_neither_moved_nor_believed() -> None:
    truth, elsewhere = block(14, 24), block(1, 7)
    proposals, _ = propose(probabilities(truth), truth, elsewhere, ISOTROPIC, 0.5)
    assert np.array_equal(proposals["moved"], elsewhere)
    assert np.array_equal(proposals["posterior"], truth)
