"""A table as data; `markup.py` writes it as Markdown, CSV, LaTeX and HTML."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import TypeAlias

import numpy as np

from alcseg.metrics import METRICS
from alcseg.metrics.registry import Better
from alcseg.reporting.values import Values
from alcseg.types import FloatArray

__all__ = [
    "Cell", "Column", "DataTable", "Interval", "Line", "Number", "Stat", "best_rows", "printed",
    "printed_unit", "stat_of_runs", "stat_over_seeds",
]  # fmt: skip

_UNITS = {"count": "", "fraction": "", "mm3": "mm³", "voxel": "voxels", "voxel3": "voxels"}


@dataclass(frozen=True)
class Stat:
    """A mean, its standard deviation over seeds (nan for one seed), and whether it is its column's best.

    `signed` means can be negative and show their sign.
    """

    mean: float
    std: float = nan
    digits: int = 2
    best: bool = False
    signed: bool = False

    @property
    def text(self) -> str:
        """`88.87 ± 0.30`."""
        mean = f"{self.mean:{'+' if self.signed else ''}.{self.digits}f}"
        return mean if isnan(self.std) else f"{mean} ± {self.std:.{self.digits}f}"


@dataclass(frozen=True)
class Interval:
    """The two ends of a 95 % interval; `signed` ones are of differences."""

    low: float
    high: float
    signed: bool = False

    @property
    def text(self) -> str:
        """`86.10 to 89.92`."""
        form = "+.2f" if self.signed else ".2f"
        return f"{self.low:{form}} to {self.high:{form}}"


@dataclass(frozen=True)
class Number:
    """One number that a person reads in a shorter form, such as a p value or a difference."""

    value: float
    text: str


Cell: TypeAlias = Stat | Interval | Number | str | int | float | None


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: In the CSV file.
        heading: As a person reads it.
        better: Whether higher or lower values are better, if either.
        numeric: Aligned to the right.
    """

    key: str
    heading: str
    better: Better = "nothing"
    numeric: bool = True


@dataclass(frozen=True)
class Line:
    """A row of a table; `published` ones are not ours and stand in gray."""

    cells: tuple[Cell, ...]
    published: bool = False


@dataclass(frozen=True)
class DataTable:
    """A table of any kind.

    Attributes:
        name: Of its files.
        title: Its heading.
        columns: In order.
        lines: One cell per column.
        notes: How it is to be read, a sentence each.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


def printed(values: Values, metric: str) -> FloatArray:
    """Values as they are printed, `(seeds, cases)`: some metrics in percent."""
    return values.array * (100 if METRICS[metric].percent else 1)


def printed_unit(metric: str, unit: str) -> str:
    """What stands behind a metric that was measured in `unit`; empty for mere numbers."""
    return "%" if METRICS[metric].percent else _UNITS.get(unit, unit)


def stat_of_runs(values: Values | None, metric: str, *, best: bool = False) -> Stat:
    """Mean over cases, then mean and standard deviation over seeds; nan without values."""
    if values is None:
        return Stat(nan)
    traits, means = METRICS[metric], printed(values, metric).mean(axis=1).tolist()
    return stat_over_seeds(means, digits=traits.digits, best=best, signed=traits.signed)


def best_rows(values: Mapping[str, Values], metric: str, upper_bounds: Collection[str]) -> set[str]:
    """Rows with the best mean as printed; upper bounds do not count, and a row alone is not best.

    No row is, where neither higher nor lower values of the metric are better.
    """
    traits = METRICS[metric]
    means = {
        name: round(stat_of_runs(found, metric).mean, traits.digits)
        for name, found in values.items()
        if name not in upper_bounds
    }
    if len(means) < 2 or traits.better == "nothing":
        return set()
    top = max(means.values()) if traits.better == "higher" else min(means.values())
    return {name for name, mean in means.items() if mean == top}


def stat_over_seeds(
    by_seed: Sequence[float], *, digits: int = 2, best: bool = False, signed: bool = False
) -> Stat:
    """Mean and standard deviation, n - 1 in the denominator."""
    std = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else nan
    return Stat(float(np.mean(by_seed)), std, digits, best, signed)
