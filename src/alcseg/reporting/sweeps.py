"""Rows of a plan that are one method at several values of a setting, known by the settings themselves."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.intervals import crossed_interval
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import printed
from alcseg.reporting.values import Values

__all__ = ["Point", "sweep"]

_ASIDE = ("method.name", "data.cache")  # a variant's word, and a path: neither changes a result


@dataclass(frozen=True)
class Point:
    """One row of a sweep.

    Attributes:
        at: Values of the settings that vary, in the order asked for.
        settings: All settings of the row.
        values: Dice by seed and case.
    """

    at: tuple[float, ...]
    settings: dict[str, Any]
    values: Values

    @property
    def mean(self) -> float:
        """Mean Dice in percent."""
        return float(printed(self.values, "dice").mean())

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval over seeds and cases."""
        return crossed_interval(printed(self.values, "dice"))


def sweep(benchmark: Benchmark, dataset: DatasetEntry, keys: Sequence[str]) -> list[Point]:
    """Finished rows that agree in every setting but `keys`, in rising order; of several groups the largest.

    Args:
        benchmark: With its records.
        dataset: On which dataset.
        keys: Dotted settings, for example `method.alpha`.
    """
    groups: dict[str, dict[tuple[float, ...], Point]] = {}
    for row in benchmark.rows:
        runs = benchmark.done(dataset.name, row.row)
        values = benchmark.values(dataset.name, row.row, "dice")
        if values is None or not all(isinstance(runs[0].settings.get(key), int | float) for key in keys):
            continue
        settings = runs[0].settings
        rest = {name: value for name, value in settings.items() if name not in (*keys, *_ASIDE)}
        family = json.dumps([rest, row.upper_bound], sort_keys=True, default=str)
        at = tuple(float(settings[key]) for key in keys)
        groups.setdefault(family, {}).setdefault(at, Point(at, settings, values))
    largest = max(groups.values(), key=len, default={})
    return [largest[at] for at in sorted(largest)]
