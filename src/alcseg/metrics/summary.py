"""From values per case to a mean with an interval, and from two sets of values to a paired test."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alcseg.errors import ShapeError
from alcseg.types import FloatArray

__all__ = ["Summary", "differences", "holm", "paired_test", "summarize"]

_EXACT_CASES = 200  # milliseconds; beyond, the normal approximation is as good


@dataclass(frozen=True)
class Summary:
    """Statistics over cases; all `nan` where there is no case.

    Attributes:
        mean: Arithmetic mean.
        std: Standard deviation over cases, n - 1 in the denominator; `nan` for one case.
        median: Median.
        low: Lower end of the 95 % interval of the mean.
        high: Upper end of that interval.
        n: Number of cases.
    """

    mean: float
    std: float
    median: float
    low: float
    high: float
    n: int


def summarize(values: Sequence[float], *, seed: int = 0, resamples: int = 2000) -> Summary:
    """Mean with its percentile bootstrap interval over cases; values that are `nan` are left out.

    Args:
        values: One value per case.
        seed: Of the bootstrap.
        resamples: Number of bootstrap samples.

    Source:
        Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    kept = np.asarray(values, dtype=np.float64)
    kept = kept[~np.isnan(kept)]
    n = len(kept)
    if n == 0:
        nan = float("nan")
        return Summary(nan, nan, nan, nan, nan, 0)
    draws = np.random.default_rng(seed).integers(n, size=(resamples, n))
    low, high = np.percentile(kept[draws].mean(axis=1), [2.5, 97.5])
    return Summary(
        mean=float(kept.mean()),
        std=float(kept.std(ddof=1)) if n > 1 else float("nan"),
        median=float(np.median(kept)),
        low=float(low),
        high=float(high),
        n=n,
    )


def differences(first: Sequence[float], second: Sequence[float]) -> FloatArray:
    """Case by case `first` minus `second`, of the cases that differ.

    What lies within 12 digits of the largest value counts as equal, and so do equal infinities: the last bits
    come from the order of additions.

    Args:
        first: One value per case.
        second: Values of the other method, the same cases in the same order.

    Returns:
        One number per case that differs, rounded to 12 digits of the largest value, so that equal steps are
        ties.

    Raises:
        ShapeError: If the numbers of cases differ or there is none.
    """
    if len(first) != len(second) or not len(first):
        raise ShapeError(
            f"paired test: expected values of the same cases, got {len(first)} and {len(second)}. "
            "Leave out the cases that only one of them has."
        )
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    difference = np.subtract(a, b, where=a != b, out=np.zeros_like(a))
    finite = np.abs(np.concatenate([a, b]))
    scale = finite[np.isfinite(finite)].max(initial=0.0) or 1.0
    rounded: FloatArray = np.round(difference / scale, 12) * scale
    differ: FloatArray = rounded[rounded != 0]
    return differ


def paired_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p value of the Wilcoxon signed-rank test that two methods score the same cases alike.

    Cases without a difference are left out before anything else, as Wilcoxon did: only `differences` count.
    The p value is exact, with ties too, up to 200 of them; beyond, by the normal approximation.

    Args:
        first: One value per case.
        second: Values of the other method, the same cases in the same order.

    Returns:
        p value; 1 where no case differs, `nan` where a value is.

    Raises:
        ShapeError: If the numbers of cases differ or there is none.

    Source:
        Wilcoxon, Biometrics Bulletin 1(6), 1945, doi:10.2307/3001968; with ties by the shift algorithm of
        Streitberg and Röhmel, Statistical Software Newsletter 12(1), 1986.
    """
    from scipy import stats  # half a second that every importer of this package would wait for

    kept = differences(first, second)
    if not kept.size:
        return 1.0
    if np.isnan(kept).any():
        return float("nan")
    # SciPy's own choice counts zeros that it then drops, and is approximate from 14 cases on with one tie.
    if kept.size > _EXACT_CASES:
        return float(stats.wilcoxon(kept, method="approx").pvalue)
    doubled = np.rint(2 * stats.rankdata(np.abs(kept))).astype(int)  # ranks of ties are halves
    chance = np.zeros(
        doubled.sum() + 1
    )  # of each sum of the ranks that are positive, all signs equally likely
    chance[0] = 1
    for rank in doubled:
        chance[rank:] = chance[rank:] + chance[:-rank]
        chance /= 2
    positive = doubled[kept > 0].sum()
    return min(1.0, 2 * float(min(chance[: positive + 1].sum(), chance[positive:].sum())))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P values corrected for their number by Holm's step-down rule, in the order given.

    One that is `nan` stays so, and does not count among them.

    Source:
        Holm, Scandinavian Journal of Statistics 6(2), 1979.
    """
    known = {name: p for name, p in p_values.items() if not math.isnan(p)}
    corrected = dict(p_values)
    largest = 0.0
    for rank, name in enumerate(sorted(known, key=lambda name: known[name])):
        largest = max(largest, min(1.0, (len(known) - rank) * known[name]))
        corrected[name] = largest
    return corrected
