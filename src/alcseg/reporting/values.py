"""Numbers by seed and case, and their difference over what two rows have in common."""

from dataclasses import dataclass

import numpy as np

from alcseg.types import FloatArray

__all__ = ["Values"]


@dataclass(frozen=True)
class Values:
    """One number per seed and case.

    Attributes:
        seeds: Of the runs, rising.
        cases: That all these runs were scored on, by name.
        array: `(seeds, cases)`.
    """

    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    array: FloatArray

    def minus(self, other: "Values") -> "Values | None":
        """Difference over the seeds and cases that both have; None if there are none."""
        shared = self.shared(other)
        if shared is None:
            return None
        mine, its = shared
        return Values(mine.seeds, mine.cases, mine.array - its.array)

    def shared(self, other: "Values") -> "tuple[Values, Values] | None":
        """Both over the seeds and cases that both have; None if there are none."""
        seeds = tuple(seed for seed in self.seeds if seed in other.seeds)
        cases = tuple(case for case in self.cases if case in other.cases)
        if not seeds or not cases:
            return None
        return self._part(seeds, cases), other._part(seeds, cases)

    def _part(self, seeds: tuple[int, ...], cases: tuple[str, ...]) -> "Values":
        rows, columns = [self.seeds.index(seed) for seed in seeds], [self.cases.index(case) for case in cases]
        return Values(seeds, cases, self.array[np.ix_(rows, columns)])
