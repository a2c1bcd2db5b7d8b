import math

import numpy as np
import pytest
from scipy import stats

from alcseg.errors import ShapeError
from alcseg.metrics import differences, holm, paired_test, summarize


def test_leaves_nan_out() -> None:
    found = summarize([1.0, float("nan"), 2.0, 6.0])
    assert (found.mean, found.median, found.n) == (3.0, 2.0, 3)
    assert found.std == pytest.approx(math.sqrt((4 + 1 + 9) / 2))
    assert 1 <= found.low < found.mean < found.high <= 6


def test_interval_agrees_with_normal_theory(rng: np.random.Generator) -> None:
    values = rng.normal(0.8, 0.1, size=400)
    found = summarize(list(values))
    half = 1.96 * found.std / math.sqrt(400)
    assert found.low == pytest.approx(found.mean - half, abs=0.15 * half)
    assert found.high == pytest.approx(found.mean + half, abs=0.15 * half)
    assert summarize(list(values)) == found  # the same seed, the same interval


def test_one_case_and_none() -> None:
    one = summarize([0.5])
    assert (one.mean, one.low, one.high, one.n) == (0.5, 0.5, 0.5, 1)
    assert math.isnan(one.std)
    assert summarize([]).n == 0
    assert math.isnan(summarize([float("nan")]).mean)


def test_paired_test(rng: np.random.Generator) -> None:
    first = rng.random(20)
    second = first - 0.05 - 0.01 * rng.random(20)
    assert paired_test(list(first), list(second)) == pytest.approx(2 / 2**20)  # all 20 differences positive
    assert paired_test([0.1, 0.2], [0.1, 0.2]) == 1
    other = rng.random(20)
    assert paired_test(list(first), list(other)) == pytest.approx(stats.wilcoxon(first, other).pvalue)
    with pytest.raises(ShapeError, match="same cases"):
        paired_test([0.1], [0.1, 0.2])


def test_cases_that_do_not_differ_change_no_p_value() -> None:
    # Five differences of one sign: 2 of 2**5 sign patterns, whatever stands beside them.
    steps = [0.01, 0.02, 0.03, 0.04, 0.05]
    for equal in (0, 8, 9, 60):
        first = [0.8] * equal + [0.8 + step for step in steps]
        assert paired_test(first, [0.8] * len(first)) == pytest.approx(2 / 2**5)


def test_ties_are_counted_exactly() -> None:
    # 14 equal steps, whose last bits differ: all of one sign in 2 of 2**14 patterns.
    first = [0.1 * case + 0.01 for case in range(14)]
    assert paired_test(first, [0.1 * case for case in range(14)]) == pytest.approx(2 / 2**14)
    # Ranks 1.5, 1.5, 3 with signs -, +, +: sums of positive ranks as large as 4.5 are 4.5 (twice) and 6 of 8.
    assert paired_test([-1, 1, 2], [0, 0, 0]) == pytest.approx(2 * 3 / 8)
    ties = np.array([3.0, 3, 3, -1, 2, 2, -2, 5, 5, 1, 1])
    expected = stats.wilcoxon(ties, method=stats.PermutationMethod(n_resamples=2**11)).pvalue
    assert paired_test(list(ties), [0.0] * 11) == pytest.approx(expected)


def test_many_cases_are_tested_approximately(rng: np.random.Generator) -> None:
    first = list(rng.normal(0.1, 1, 201))
    expected = stats.wilcoxon(first, method="asymptotic").pvalue
    assert paired_test(first, [0.0] * 201) == pytest.approx(expected)


def test_what_differs() -> None:
    infinite, unknown = float("inf"), float("nan")
    assert differences([0.1 + 0.2, 0.5], [0.3, 0.2]).tolist() == [0.3]
    assert differences([infinite, infinite, 1], [infinite, 2, 1]).tolist() == [infinite]
    assert math.isnan(paired_test([unknown, 1], [1, 1]))


def test_holm() -> None:
    # Sorted 0.01, 0.02, 0.04 times 3, 2, 1 is 0.03, 0.04, 0.04.
    got = holm({"b": 0.04, "a": 0.01, "c": 0.02})
    assert got == pytest.approx({"b": 0.04, "a": 0.03, "c": 0.04})
    assert list(got) == ["b", "a", "c"]
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


def test_holm_leaves_out_what_could_not_be_tested() -> None:
    got = holm({"untested": math.nan, "a": 0.02, "b": 0.04})
    assert got == pytest.approx({"untested": math.nan, "a": 0.04, "b": 0.04}, nan_ok=True)
