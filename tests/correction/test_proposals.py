"""What could be written for a label: each proposal mends the error that it is for, and nothing else."""

import numpy as np
import pytest

from alcseg.correction.proposals import propose

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
    proposals, found = propose(probabilities(truth), truth, block(5, 21), ISOTROPIC, 0.5, truth)
    assert (proposals["moved"] != truth).mean() < 0.01
    assert float(found.mm[0, 0]) == pytest.approx(-3, abs=0.5)
    assert list(proposals) == ["given", "patched", "moved", "posterior", "refined"]
    assert all(one.dtype == np.uint8 for one in proposals.values())


def test_a_label_that_tells_nothing_is_neither_moved_nor_believed() -> None:
    truth, elsewhere = block(14, 24), block(1, 7)
    proposals, _ = propose(probabilities(truth), truth, elsewhere, ISOTROPIC, 0.5, elsewhere)
    assert np.array_equal(proposals["moved"], elsewhere)
    assert np.array_equal(proposals["posterior"], truth)
