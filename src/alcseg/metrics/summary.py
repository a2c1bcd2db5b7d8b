"""From values per case to a mean with an interval, and from two sets of values to a paired test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alcseg.errors import ShapeError

__all__ = ["Summary", "holm", "paired_test", "summarize"]


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


def paired_test(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided p value of the Wilcoxon signed-rank test that two methods score the same cases alike.

    Args:
        first: One value per case.
        second: Values of the other method, the same cases in the same order.

    Returns:
        p value; 1 where no case differs.

    Raises:
        ShapeError: If the numbers of cases differ or there is none.

    Source:
        Wilcoxon, Biometrics Bulletin 1(6), 1945, doi:10.2307/3001968.
    """
    if len(first) != len(second) or not len(first):
        raise ShapeError(
            f"paired test: expected values of the same cases, got {len(first)} and {len(second)}. "
            "Leave out the cases that only one of them has."
        )
    from scipy import stats  # half a second that every importer of this package would wait for

    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    if not difference.any():
        return 1.0
    return float(stats.wilcoxon(difference, zero_method="wilcox").pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P values corrected for their number by Holm's step-down rule, in the order given.

    Source:
        Holm, Scandinavian Journal of Statistics 6(2), 1979.
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        corrected[name] = largest
    return {name: corrected[name] for name in p_values}
