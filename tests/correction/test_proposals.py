"""What could be written for a label: each proposal mends the error that it is for, and nothing else."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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


def test_a_class_that_fills_the_volume_is_weighed_as_any_other() -> None:
    full = np.ones((9, 9, 9), np.uint8)
    pred = full.copy()
    pred[:, :, :3] = 0
    proposals, _ = propose(probabilities(pred), pred, full, ISOTROPIC, 0.5, full)
    # Deep inside P(class) = 1 - g / 2 = 0.85, which 0.9 for background outvotes and 0.1 does not.
    assert np.array_equal(proposals["posterior"], pred)


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that is made inside."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, tuple | list) else [made]:
            if isinstance(one, torch.Tensor):
                self.bytes = max(self.bytes, one.untyped_storage().nbytes())
        return made


def test_many_classes_are_weighed_a_few_at_a_time(monkeypatch) -> None:
    """Beside the distances nothing that is made is as large as the probabilities."""
    truth, given = block(5, 18), block(7, 20)
    truth[truth > 0] = given[given > 0] = 3
    probs = probabilities(truth, 12)
    whole, found = propose(probs, truth, given, ISOTROPIC, 0.5, truth)
    monkeypatch.setattr("alcseg.correction.proposals._VALUES_AT_ONCE", probs.size // 10)
    with Largest() as largest:
        parts, again = propose(probs, truth, given, ISOTROPIC, 0.5, truth)
    assert largest.bytes <= probs.nbytes  # the distances of 11 classes
    for name, label in whole.items():
        assert np.array_equal(parts[name], label)
    assert torch.equal(found.mm, again.mm)


def test_a_label_that_tells_nothing_is_neither_moved_nor_believed() -> None:
    truth, elsewhere = block(14, 24), block(1, 7)
    proposals, _ = propose(probabilities(truth), truth, elsewhere, ISOTROPIC, 0.5, elsewhere)
    assert np.array_equal(proposals["moved"], elsewhere)
    assert np.array_equal(proposals["posterior"], truth)
