"""Bootstrap intervals and corrected tests against values derived by hand."""

import numpy as np
import pytest

from alcseg.reporting.intervals import PairedTest, corrected_p_values, crossed_interval, nested_interval
from alcseg.reporting.values import Values


def row(*by_case, seed=0):
    return Values((seed,), tuple("abcde"[: len(by_case)]), np.array([by_case]))


def p_values(rows):
    return {name: test.p for name, test in corrected_p_values(rows, "base").items()}


def test_equal_values_leave_no_room():
    assert crossed_interval(np.full((2, 3), 0.7)) == pytest.approx((0.7, 0.7))


def test_cases_of_one_seed():
    # The mean of two cases drawn from {0, 1} is 0, 1/2 or 1 with 1/4, 1/2, 1/4: both tails are over 2.5 %.
    assert crossed_interval(np.array([[0.0, 1.0]])) == (0.0, 1.0)
    # A hundred cases, half of them 1: the mean has standard deviation 0.05, and 1.96 of them are 0.1.
    low, high = crossed_interval(np.repeat([[0.0, 1.0]], 50, axis=1).reshape(1, 100))
    assert (low, high) == pytest.approx((0.4, 0.6), abs=0.02)


def test_seeds_are_drawn_too():
    # Equal cases, so only the seeds differ; their mean is 0, 5 or 10 with 1/4, 1/2, 1/4.
    assert crossed_interval(np.array([[0.0] * 4, [10.0] * 4])) == (0.0, 10.0)


def test_groups_of_any_size_weigh_alike():
    assert nested_interval([np.zeros(2), np.full(7, 10.0)]) == (0.0, 10.0)
    assert nested_interval([np.array([3.0, 3.0])]) == (3.0, 3.0)


def test_wilcoxon_with_holm():
    base = row(0, 0, 0, 0, 0)
    rows = {"base": base, "sure": row(1, 2, 3, 4, 5), "mixed": row(1, -2, 3, 4, 5)}
    # sure: all five differences of one sign, p = 2/32. mixed: the negative rank is 2, three of the 32 sign
    # patterns ({}, {1}, {2}) are as small, p = 6/32. Holm: 2 x 2/32, then the larger of it and 6/32.
    assert p_values(rows) == pytest.approx({"sure": 4 / 32, "mixed": 6 / 32})


def test_a_test_says_how_many_cases_it_rests_on():
    tested = corrected_p_values({"base": row(0, 0, 0, 0, 0), "some": row(1, 0, 2, 0, 0)}, "base")
    assert tested == {"some": PairedTest(p=0.5, differ=2, cases=5)}  # 2 of 2**2 sign patterns


def test_seeds_are_averaged_before_the_test():
    two = Values((0, 1), tuple("abcde"), np.array([[2, 2, 2, 2, 2], [0, 2, 4, 6, 8.0]]))  # means 1 to 5
    base = Values((0, 1), tuple("abcde"), np.zeros((2, 5)))
    assert p_values({"base": base, "two": two}) == pytest.approx({"two": 2 / 32})


def test_rows_without_a_common_case_are_left_out():
    other = Values((0,), ("z",), np.ones((1, 1)))
    assert corrected_p_values({"base": row(0, 0), "other": other}, "base") == {}
    assert corrected_p_values({"other": other}, "base") == {}
