"""Differences over what two rows have in common."""

import numpy as np

from alcseg.reporting.values import Values


def test_difference_over_common_seeds_and_cases():
    first = Values((0, 1), ("a", "b"), np.array([[1.0, 2.0], [3.0, 4.0]]))
    second = Values((1, 2), ("b", "c"), np.array([[0.5, 9.0], [9.0, 9.0]]))
    found = first.minus(second)
    assert (found.seeds, found.cases) == ((1,), ("b",))
    assert found.array.tolist() == [[3.5]]


def test_nothing_in_common():
    first = Values((0,), ("a",), np.ones((1, 1)))
    assert first.minus(Values((1,), ("a",), np.ones((1, 1)))) is None
    assert first.minus(Values((0,), ("b",), np.ones((1, 1)))) is None
