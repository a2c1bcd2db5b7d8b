"""What every metric promises; a test class names the metric by a fixture `metric`."""

import math

import numpy as np
import pytest

from alcseg.metrics import MaskPair, Metric, evaluate_pair
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["MetricContract"]

SPACING = (0.8, 1.0, 2.0)


def masks(seed: int) -> tuple[Mask, Mask]:
    """Two different boxes with specks, some of them at the border of the volume."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(2):
        mask = rng.random((12, 10, 8)) < 0.02
        low = rng.integers(0, 4, size=3)
        mask[tuple(slice(int(start), int(start + rng.integers(2, 6))) for start in low)] = True
        found.append(mask)
    return found[0], found[1]


def score(metric: Metric, pred: LabelMap, truth: LabelMap, spacing: Spacing = SPACING) -> float:
    """Value of class 1, as an evaluation has it."""
    (found,) = evaluate_pair(pred, truth, [1], spacing, metrics={"it": metric})
    return found.scores["it"]


class MetricContract:
    """A value for every pair of masks, that keeps what the registration states.

    Fixtures:
        metric: The metric.
    """

    def test_a_perfect_prediction_has_the_best_value(self, metric: Metric) -> None:
        for mask in masks(0):
            value = metric.compute(MaskPair(mask, mask, SPACING))
            assert isinstance(value, float)
            assert math.isfinite(value)
            if metric.best is not None:
                assert value == pytest.approx(metric.best, abs=1e-9)

    def test_values_lie_between_best_and_worst(self, metric: Metric) -> None:
        for seed in range(5):
            pred, ref = masks(seed)
            value = metric.compute(MaskPair(pred, ref, SPACING))
            assert math.isfinite(value)
            sign = {"higher": 1, "lower": -1, "nothing": 0}[metric.better]
            if sign and metric.best is not None:
                assert sign * value < sign * metric.best
            if sign and isinstance(metric.worst, float | int):
                assert sign * value >= sign * metric.worst
            assert metric.signed or value >= 0

    def test_a_shift_is_worse(self, metric: Metric) -> None:
        mask = np.zeros((9, 9, 9), bool)
        mask[2:6, 2:6, 2:6] = True
        near, far = (
            metric.compute(MaskPair(np.roll(mask, steps, axis=2), mask, SPACING)) for steps in (1, 3)
        )
        if metric.better == "higher":
            assert far <= near
        if metric.better == "lower":
            assert far >= near

    def test_a_missed_or_spurious_structure_never_earns_the_best_value(self, metric: Metric) -> None:
        present, absent = np.zeros((2, 6, 5, 4), np.uint8)
        present[1:4, 1:3, 1:3] = 1
        for pred, truth in ((absent, present), (present, absent)):
            value = score(metric, pred, truth)
            assert math.isfinite(value)
            assert metric.best is None or abs(value - metric.best) > 1e-6

    def test_what_neither_has_is_not_a_number(self, metric: Metric) -> None:
        empty = np.zeros((4, 4, 4), np.uint8)
        assert math.isnan(score(metric, empty, empty))

    def test_a_margin_changes_no_value(self, metric: Metric) -> None:
        for seed in range(3):
            pred, ref = masks(seed)
            value = metric.compute(MaskPair(pred, ref, SPACING))
            wider = [np.pad(mask.astype(np.uint8), 3) for mask in (pred, ref)]
            assert score(metric, wider[0], wider[1]) == pytest.approx(value, abs=1e-9)

    @pytest.mark.parametrize("axis", range(3))
    def test_a_flip_changes_no_value(self, metric: Metric, axis: int) -> None:
        pred, ref = masks(3)
        value = metric.compute(MaskPair(pred, ref, SPACING))
        flipped = metric.compute(MaskPair(np.flip(pred, axis), np.flip(ref, axis), SPACING))
        assert flipped == pytest.approx(value, abs=1e-9)

    def test_the_unit_says_how_a_value_grows_with_the_voxels(self, metric: Metric) -> None:
        pred, ref = masks(4)
        twice = tuple(2 * step for step in SPACING)
        value = metric.compute(MaskPair(pred, ref, SPACING, tolerance_mm=1.0))
        grown = metric.compute(MaskPair(pred, ref, twice, tolerance_mm=2.0))
        factor = {"mm": 2, "mm2": 4, "mm3": 8}.get(metric.unit, 1)
        assert grown == pytest.approx(factor * value, abs=1e-9)

    def test_the_masks_are_not_written_to(self, metric: Metric) -> None:
        pair = masks(5)
        for mask in pair:
            mask.flags.writeable = False
        metric.compute(MaskPair(*pair, SPACING))

    def test_the_registration_can_be_printed(self, metric: Metric) -> None:
        assert metric.title
        assert metric.unit
        assert metric.digits >= 0
