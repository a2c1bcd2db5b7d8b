import math

import numpy as np
import pytest

from alcseg.metrics import METRICS, MaskPair, Metric

EMPTY, FILLED = np.zeros((4, 4, 4), bool), np.zeros((4, 4, 4), bool)
FILLED[1:3, 1:3, 1:3] = True
SPACING = (1.0, 1.0, 2.0)


def test_sorted() -> None:
    assert list(METRICS) == sorted(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_traits_hold(metric: Metric) -> None:
    best = metric.compute(MaskPair(FILLED, FILLED, SPACING))
    worse = metric.compute(MaskPair(np.roll(FILLED, 1, axis=2), FILLED, SPACING))
    missed = metric.compute(MaskPair(EMPTY, FILLED, SPACING))
    assert math.isnan(metric.compute(MaskPair(EMPTY, EMPTY, SPACING)))
    if metric.better == "higher":
        assert (best, missed, metric.unit) == (1, 0, "fraction")
        assert worse < best
    else:
        assert (best, missed, metric.unit) == (0, math.inf, "mm")
        assert worse > best
