import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcseg.errors import ShapeError
from alcseg.metrics import METRICS, MaskPair, evaluate_pair


def test_status_and_worst_values() -> None:
    truth, pred = np.zeros((2, 4, 4, 2), np.int16)
    truth[:2, 0, 0], pred[:2, 0, 0] = 3, 3
    truth[3, 3] = 7
    pred[0, 3] = 9
    scores = {entry.value: entry for entry in evaluate_pair(pred, truth, [3, 7, 9, 11], (1.0, 1.0, 4.0))}
    assert [scores[value].status for value in (3, 7, 9, 11)] == ["ok", "missed", "spurious", "both_empty"]
    diagonal = math.sqrt(4**2 + 4**2 + 8**2)  # mm, of 4 x 4 x 2 voxels
    for value in (7, 9):
        for name, score in scores[value].scores.items():
            assert score == (0 if METRICS[name].better == "higher" else pytest.approx(diagonal))
    assert all(math.isnan(score) for score in scores[11].scores.values())
    assert scores[3].scores["dice"] == 1


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_crop_changes_no_value(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pred, truth = (rng.choice([0, 0, 0, 2, 5], size=(6, 7, 5)) for _ in range(2))
    pred[:, :2] = truth[:, :2] = 0
    spacing = (0.5, 1.0, 2.0)
    for entry in evaluate_pair(pred, truth, [2, 5], spacing, tolerance_mm=0.6):
        pair = MaskPair(pred == entry.value, truth == entry.value, spacing, 0.6)
        for name, score in entry.scores.items():
            assert score == pytest.approx(METRICS[name].compute(pair), abs=1e-9)


def test_only_the_metrics_asked_for() -> None:
    label = np.ones((3, 3, 3), np.uint8)
    (entry,) = evaluate_pair(label, label, [1], (1.0, 1.0, 1.0), metrics=["dice", "assd"])
    assert entry.scores == {"dice": 1.0, "assd": 0.0}


def test_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match="grid of the truth"):
        evaluate_pair(np.ones((3, 3, 3), int), np.ones((3, 3, 4), int), [1], (1.0, 1.0, 1.0))


def test_voxels_that_nobody_labeled_belong_to_neither_mask() -> None:
    truth = np.zeros((8, 4, 4), np.uint8)
    truth[1:6, 1:3, 1:3] = 1
    pred = truth.copy()
    known = np.ones(truth.shape, bool)
    known[4:] = False
    pred[5:] = 0  # wrong where nobody looked
    (found,) = evaluate_pair(pred, truth, [1], (1.0, 1.0, 1.0), known=known)
    assert found.status == "ok"
    assert found.scores["dice"] == 1
    assert found.scores["hd95"] == 0
    pred[1] = 0  # 4 of the 12 known voxels are missed: dice 2 * 8 / (8 + 12)
    (found,) = evaluate_pair(pred, truth, [1], (1.0, 1.0, 1.0), known=known)
    assert found.scores["dice"] == pytest.approx(0.8)


def test_no_surface_runs_where_knowledge_ends() -> None:
    # Of a bar along the first axis two slices are known, and nothing beside them.
    truth = np.zeros((9, 5, 5), np.uint8)
    truth[:, 1:4, 1:4] = 1
    pred = truth.copy()
    known = np.ones(truth.shape, bool)
    known[3:] = False
    known[:, 0], known[:, 4], known[:, :, 0], known[:, :, 4] = False, False, False, False
    known[0] = False
    (found,) = evaluate_pair(pred, truth, [1], (1.0, 1.0, 1.0), known=known)
    assert found.scores["dice"] == 1
    assert np.isnan(found.scores["assd"])  # no known background beside it: no surface is left


def test_a_class_that_nobody_drew_has_no_score() -> None:
    truth = np.zeros((3, 3, 3), np.uint8)
    truth[1] = 1
    pred = truth.copy()
    pred[2] = 2
    first, second = evaluate_pair(pred, truth, [1, 2], (1.0, 1.0, 1.0), undrawn=[2])
    assert first.scores["dice"] == 1
    assert second.status == "not_drawn"
    assert all(np.isnan(score) for score in second.scores.values())
