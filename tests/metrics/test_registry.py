import math

import pytest

from alcseg.errors import ConfigError
from alcseg.metrics import METRICS, MaskPair, Metric
from alcseg.testing.metrics import SPACING, MetricContract, masks


class TestBuiltIn(MetricContract):
    @pytest.fixture(params=METRICS.builtin)
    def metric(self, request: pytest.FixtureRequest) -> Metric:
        return METRICS[request.param]

    def test_the_best_and_worst_values_are_those_of_the_unit(self, metric: Metric) -> None:
        pred, ref = masks(0)
        missed = metric.compute(MaskPair(pred & False, ref, SPACING))
        assert math.isnan(metric.compute(MaskPair(pred & False, ref & False, SPACING)))
        if metric.unit == "fraction":
            assert (metric.better, metric.best, metric.worst, missed) == ("higher", 1, 0, 0)
        else:
            stated = (metric.unit, metric.better, metric.best, metric.worst, missed)
            assert stated == ("mm", "lower", 0, "diagonal", math.inf)
        assert metric.percent == (metric.unit == "fraction")
        assert not metric.signed


def test_titles_are_those_of_the_literature() -> None:
    titles = {name: METRICS[name].title for name in ("dice", "jaccard", "hd95", "asd", "assd", "nsd")}
    assert list(titles.values()) == ["Dice", "Jaccard", "95HD", "ASD", "ASSD", "NSD"]


def test_a_registration_says_what_a_missed_structure_gets() -> None:
    def state(**given: object) -> Metric:
        facts = {"compute": lambda pair: 1.0, "title": "X", "unit": "mm3", "better": "lower", "best": 0.0}
        return Metric(**facts | {"worst": None} | given)

    with pytest.raises(ConfigError, match="metric 'X': expected a penalty"):
        state()
    with pytest.raises(ConfigError, match="one of higher, lower, nothing, got 'less'"):
        state(penalty=3.0, better="less")
    pair = MaskPair(*masks(0), SPACING)
    assert state(penalty=3).penalize(pair, 9.0) == 3
    assert state(penalty="computed").penalize(pair, 9.0) == 1
    assert state(penalty="diagonal").penalize(pair, 9.0) == state(worst="diagonal").penalize(pair, 9.0) == 9
    assert state(penalty=3, worst=5).penalize(pair, 9.0) == 3
    assert state(penalty=0, worst=5).penalize(pair, 9.0) == 0
    assert state(worst=0).unit_in("voxel") == "voxel3"
