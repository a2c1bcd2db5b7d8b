import numpy as np
import pytest

from alcseg.checking.robust import deviations


def test_deviations_are_counted_from_the_median():
    # Median 3, absolute deviations 2, 1, 0, 1, 97: their median is 1.
    found = deviations(np.array([1.0, 2, 3, 4, 100]), least_spread=0.1)
    assert found == pytest.approx(np.array([-2, -1, 0, 1, 97]) / 1.4826)


def test_where_all_are_alike_the_least_spread_counts():
    assert deviations(np.array([5.0, 5, 5, 6]), least_spread=0.5).tolist() == [0, 0, 0, 2]


def test_what_is_unknown_is_not_odd():
    table = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    found = deviations(table, least_spread=1)
    assert found[:, 1].tolist() == [0, 0, 0]
    assert found[1, 0] == 0
    assert deviations(np.full(3, np.nan), least_spread=1).tolist() == [0, 0, 0]
