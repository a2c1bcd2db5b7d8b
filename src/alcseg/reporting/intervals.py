"""Intervals of a mean over seeds and cases, and paired tests of rows against one of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from alcseg.metrics import differences, holm, paired_test
from alcseg.reporting.values import Values
from alcseg.types import FloatArray

__all__ = ["PairedTest", "corrected_p_values", "crossed_interval", "nested_interval"]

Interval = tuple[float, float]
_SEED = 0
_RESAMPLES = 4000
_NESTED_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class PairedTest:
    """A paired test of one row against another.

    Attributes:
        p: Corrected p value.
        differ: Number of cases that the two score differently; the test rests on these alone.
        cases: Number of cases that both have.
    """

    p: float
    differ: int
    cases: int


def crossed_interval(values: FloatArray) -> Interval:
    """95 % percentile bootstrap interval of the mean, seeds and cases both drawn anew.

    With one seed only the cases vary, and the interval says nothing of how another seed would end.

    Args:
        values: `(seeds, cases)`.

    Source:
        Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007, doi:10.1214/07-AOAS122.
    """
    rng = np.random.default_rng(_SEED)
    seeds, cases = values.shape
    by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=_RESAMPLES) / seeds
    by_case = rng.multinomial(cases, np.full(cases, 1 / cases), size=_RESAMPLES) / cases
    low, high = np.percentile(((by_seed @ values) * by_case).sum(axis=1), _PERCENTILES)
    return float(low), float(high)


def nested_interval(groups: list[FloatArray]) -> Interval:
    """95 % percentile bootstrap interval of the mean of group means: groups drawn anew, then members in each.

    Args:
        groups: Values of one seed each.
    """
    rng = np.random.default_rng(_SEED)
    means = np.stack(
        [rng.choice(group, size=(_NESTED_RESAMPLES, len(group))).mean(axis=1) for group in groups], axis=1
    )
    drawn = rng.integers(len(groups), size=(_NESTED_RESAMPLES, len(groups)))
    low, high = np.percentile(np.take_along_axis(means, drawn, axis=1).mean(axis=1), _PERCENTILES)
    return float(low), float(high)


def corrected_p_values(rows: Mapping[str, Values], against: str) -> dict[str, PairedTest]:
    """Wilcoxon p values of each row against one, seeds averaged per case, corrected by Holm for their number.

    Args:
        rows: Name to values of one metric.
        against: The row that all others are compared with.

    Returns:
        Row to its test; rows without a common seed and case are left out.
    """
    if against not in rows:
        return {}
    p_values, counts = {}, {}
    for name, values in rows.items():
        shared = None if name == against else values.shared(rows[against])
        if shared is not None:
            per_case = [side.array.mean(axis=0).tolist() for side in shared]
            p_values[name] = paired_test(*per_case)
            counts[name] = len(differences(*per_case)), len(per_case[0])
    return {name: PairedTest(p, *counts[name]) for name, p in holm(p_values).items()}
