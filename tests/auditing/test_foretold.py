import numpy as np
import pytest

from alcseg.auditing.foretold import foretold


def test_points_hold_equally_many_errors_the_smallest_first():
    dice = np.linspace(1.0, 0.01, 100)
    points = foretold(dice, dice - 0.01)
    assert [point.n for point in points] == [10] * 10
    assert [point.expected for point in points] == sorted(point.expected for point in points)
    for point in points:  # every error was 0.01 larger than expected
        assert point.true == pytest.approx(point.expected + 0.01, abs=1e-3)
        assert point.low < point.true < point.high


def test_few_errors_are_one_point_and_fewer_none():
    assert [point.n for point in foretold(np.full(9, 0.7), np.full(9, 0.5))] == [9]
    assert foretold(np.full(7, 0.7), np.full(7, 0.5)) == ()
    assert foretold(np.full(9, np.nan), np.full(9, 0.5)) == ()  # of a single case nothing is known
