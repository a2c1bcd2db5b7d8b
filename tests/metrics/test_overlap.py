import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from medpy.metric import binary

from alcseg.errors import ShapeError
from alcseg.metrics import dice, jaccard


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((4, 5, 3)) < rng.random(), rng.random((4, 5, 3)) < rng.random()


def test_small_example() -> None:
    pred = np.array([1, 1, 1, 0, 0], bool)
    ref = np.array([0, 1, 1, 1, 0], bool)
    assert dice(pred, ref) == pytest.approx(4 / 6)  # two in common, three in each
    assert jaccard(pred, ref) == pytest.approx(2 / 4)


@given(seed=st.integers(0, 1000))
def test_symmetric_and_a_fraction_and_as_medpy(seed: int) -> None:
    pred, ref = masks(seed)
    for ours, theirs in ((dice, binary.dc), (jaccard, binary.jc)):
        value = ours(pred, ref)
        if not (pred.any() or ref.any()):
            assert math.isnan(value)
            continue
        assert 0 <= value <= 1
        assert value == ours(ref, pred)
        assert value == pytest.approx(theirs(pred, ref), abs=1e-12)


@pytest.mark.parametrize("metric", [dice, jaccard])
def test_empty_masks(metric) -> None:
    empty, filled = np.zeros((2, 2), bool), np.ones((2, 2), bool)
    assert math.isnan(metric(empty, empty))
    assert metric(empty, filled) == metric(filled, empty) == 0


def test_refuses_other_shapes_and_label_maps() -> None:
    with pytest.raises(ShapeError, match="one shape"):
        dice(np.ones((2, 2), bool), np.ones((2, 3), bool))
    with pytest.raises(ShapeError, match="class value"):
        jaccard(np.ones((2, 2), int), np.ones((2, 2), bool))
