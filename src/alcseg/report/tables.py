"""Tables of a benchmark, as data; `markup.py` writes them as Markdown, CSV, LaTeX and HTML.

A row is a method; its numbers are means over cases and classes, then mean and standard deviation over seeds.
Published values stand in a gray row under ours. Nothing here reads a volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal, TypeAlias

import numpy as np

from alcseg.metrics import METRICS
from alcseg.report.intervals import corrected_p_values, crossed_interval
from alcseg.report.paper import METRICS as PAPER_METRICS
from alcseg.report.paper import PAPER_TABLES, UNITS_REMARK, PaperTable
from alcseg.report.records import Benchmark, DatasetEntry, RowEntry, Values
from alcseg.types import FloatArray

__all__ = [
    "Cell", "Column", "DataTable", "Interval", "Line", "Number", "Stat", "cost_table", "label_table",
    "missing_table", "paper_table", "results_table",
]  # fmt: skip

Direction: TypeAlias = Literal["up", "down", ""]
BASELINE = "alc"
"""The row that all others are compared with."""

_SHOWN = ("dice", "jaccard", "hd95", "asd", "assd")
_NAMES = {"dice": "Dice", "jaccard": "Jaccard", "hd95": "95HD", "asd": "ASD", "assd": "ASSD"}
_UNITS = {"voxel": "voxels", "fraction": "%"}


@dataclass(frozen=True)
class Stat:
    """A mean, its standard deviation over seeds (nan for one seed), and whether it is its column's best."""

    mean: float
    std: float = nan
    digits: int = 2
    best: bool = False

    @property
    def text(self) -> str:
        """`88.87 ± 0.30`."""
        mean = f"{self.mean:.{self.digits}f}"
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
        better: Whether higher (`up`) or lower (`down`) values are better.
        numeric: Aligned to the right.
    """

    key: str
    heading: str
    better: Direction = ""
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


def results_table(benchmark: Benchmark, dataset: DatasetEntry) -> DataTable | None:
    """Scores of every row on one dataset, tests against ALC, the paper's values; None without a result."""
    values = {
        metric: {
            row.name: found
            for row in benchmark.rows
            if (found := benchmark.values(dataset.name, row.name, metric)) is not None
        }
        for metric in _SHOWN
    }
    if not values["dice"]:
        return None
    metrics = [metric for metric in _SHOWN if values[metric]]
    baseline = benchmark.row(BASELINE)
    fair = {name: found for name, found in values["dice"].items() if not _upper_bound(benchmark, name)}
    p_values = corrected_p_values(fair, baseline.name) if baseline else {}
    counts = {len(found.seeds) for found in values["dice"].values()}
    columns = [
        Column("method", "method", numeric=False),
        *(_metric_column(benchmark, dataset, metric) for metric in metrics),
        Column("dice_interval", "Dice, 95 % interval"),
        Column("p_against_alc", "p against ALC"),
        Column("seeds", "seeds"),
    ]
    best = {metric: _best(benchmark, values[metric], metric) for metric in metrics}
    paper, remark = paper_table(benchmark, dataset)
    published = _published_words(benchmark, paper, dataset)
    lines = []
    for row in benchmark.rows:
        dice = values["dice"].get(row.name)
        if dice is not None:
            interval = Interval(*crossed_interval(_scaled(dice, "dice")))
            stats = [
                _stat(values[metric].get(row.name), metric, best=row.name in best[metric])
                for metric in metrics
            ]
            p_value = _p_value(p_values.get(row.name))
            lines.append(Line((row.title, *stats, interval, p_value, len(dice.seeds))))
        if paper is not None and row.name in published:
            numbers = dict(zip(PAPER_METRICS, published[row.name], strict=True))
            cells = [Stat(numbers[metric]) if metric in numbers else None for metric in metrics]
            label = f"{row.title}, paper" + (f" ({remark})" if remark else "")
            lines.append(Line((label, *cells, None, None, None), published=True))
    return DataTable(
        f"results-{dataset.name}",
        dataset.title,
        tuple(columns),
        tuple(lines),
        _result_notes(benchmark, dataset, paper, baseline, counts),
    )


def paper_table(benchmark: Benchmark, dataset: DatasetEntry) -> tuple[PaperTable | None, str]:
    """The published table that the plan names, where it has this share of HQ labels, and how it differs."""
    table = PAPER_TABLES.get(str(benchmark.plan.get("reference") or ""))
    if table is None or dataset.hq_percent not in table.rows:
        return None, ""
    hq, lq, test = benchmark.cases(dataset.name)
    return table, table.remark(hq + lq, test, dataset.preset)


def label_table(benchmark: Benchmark, dataset: DatasetEntry) -> DataTable | None:
    """Labels of the LQ training images against the clean ones: given, predicted, corrected."""
    entries: list[tuple[str, str, Values]] = []
    if dataset.given is not None:
        given = dataset.given.by_case("dice")
        cases = tuple(sorted(given))
        entries.append(("as given", "", Values((0,), cases, np.array([[given[case] for case in cases]]))))
    for kind, words in (("lq", "predicted"), ("corrected", "corrected")):
        for row in benchmark.rows:
            found = benchmark.values(dataset.name, row.name, "dice", kind)
            if found is not None:
                entries.append((f"{words} by {row.title}", row.name, found))
    if len(entries) < 2:
        return None
    ours = [found for _, name, found in entries if name and not _upper_bound(benchmark, name)]
    top = max((round(_stat(found, "dice").mean, 2) for found in ours), default=nan)
    lines = []
    for words, name, found in entries:
        stat = _stat(found, "dice")
        best = round(stat.mean, 2) == top and bool(name) and not _upper_bound(benchmark, name)
        seeds = len(found.seeds) if name else None
        lines.append(
            Line(
                (
                    words,
                    Stat(stat.mean, stat.std, best=best),
                    Interval(*crossed_interval(_scaled(found, "dice"))),
                    len(found.cases),
                    seeds,
                )
            )
        )
    return DataTable(
        f"labels-{dataset.name}",
        f"{dataset.title}: labels of the LQ training images",
        (
            Column("labels", "labels", numeric=False),
            Column("dice", "Dice (%)", "up"),
            Column("dice_interval", "95 % interval"),
            Column("cases", "cases"),
            Column("seeds", "seeds"),
        ),
        tuple(lines),
        ("Against the clean labels, which no training reads. The networks were trained on these images.",),
    )


def cost_table(benchmark: Benchmark) -> DataTable | None:
    """What the runs took and what they say of the validation cases."""
    lines = []
    for dataset in benchmark.datasets:
        for row in benchmark.rows:
            records = [run.record for run in benchmark.done(dataset.name, row.name)]
            if records:
                seconds, memory, dice = (
                    _over_seeds([record.get(key) for record in records], scale)
                    for key, scale in (
                        ("train_s", 1 / 60),
                        ("peak_memory_mib", 1 / 1024),
                        ("validation_dice", 100),
                    )
                )
                parameters = records[0].get("parameters")
                lines.append(
                    Line(
                        (
                            dataset.title,
                            row.title,
                            dice,
                            records[0].get("steps"),
                            seconds,
                            memory,
                            None if parameters is None else Stat(parameters / 1e6),
                        )
                    )
                )
    if not lines:
        return None
    machines = sorted({str(run.record["hardware"]) for run in benchmark.runs if run.record.get("hardware")})
    commits = sorted({str(run.record["commit"]) for run in benchmark.runs if run.record.get("commit")})
    notes = []
    if machines:
        notes.append(f"Hardware: {'; '.join(machines)}.")
    if commits:
        notes.append(f"Commit: {', '.join(commits)}.")
    return DataTable(
        "costs",
        "What the runs took",
        (
            Column("dataset", "dataset", numeric=False),
            Column("method", "method", numeric=False),
            Column("validation_dice", "validation Dice (%)", "up"),
            Column("steps", "steps"),
            Column("train_min", "training (min)", "down"),
            Column("peak_memory_gib", "peak memory (GiB)", "down"),
            Column("parameters_millions", "weights (millions)"),
        ),
        tuple(lines),
        tuple(notes),
    )


def missing_table(benchmark: Benchmark) -> DataTable | None:
    """Runs of the plan without a result; None if there are all."""
    titles = {dataset.name: dataset.title for dataset in benchmark.datasets}
    names = {row.name: row.title for row in benchmark.rows}
    lines = [Line((titles[dataset], names[row], seed, why)) for dataset, row, seed, why in benchmark.missing]
    if not lines:
        return None
    columns = (
        Column("dataset", "dataset", numeric=False),
        Column("method", "method", numeric=False),
        Column("seed", "seed"),
        Column("why", "why", numeric=False),
    )
    return DataTable(
        "missing", "Runs without a result", columns, tuple(lines), ("The plan asks for these, too.",)
    )


def _metric_column(benchmark: Benchmark, dataset: DatasetEntry, metric: str) -> Column:
    runs = (run for row in benchmark.rows for run in benchmark.done(dataset.name, row.name))
    units = next((run.test.units for run in runs if run.test is not None), {})
    unit = units.get(metric, METRICS[metric].unit)
    better: Direction = "up" if METRICS[metric].better == "higher" else "down"
    return Column(metric, f"{_NAMES[metric]} ({_UNITS.get(unit, unit)})", better)


def _published_words(
    benchmark: Benchmark, paper: PaperTable | None, dataset: DatasetEntry
) -> dict[str, tuple[float, ...]]:
    """Our row to the numbers of the paper's row that stands under it."""
    if paper is None or dataset.hq_percent is None:
        return {}
    found: dict[str, tuple[float, ...]] = {}
    for word, numbers in paper.rows[int(dataset.hq_percent)].items():
        row = benchmark.row(word)
        if row is not None:
            found[row.name] = numbers
    return found


def _result_notes(
    benchmark: Benchmark,
    dataset: DatasetEntry,
    paper: PaperTable | None,
    baseline: RowEntry | None,
    seed_counts: set[int],
) -> tuple[str, ...]:
    several = max(seed_counts) > 1
    hq, lq, test = benchmark.cases(dataset.name)
    cases = {"test": "test", "val": "validation"}.get(benchmark.split, benchmark.split)
    notes = [
        f"{hq} HQ and {lq} LQ training cases, {test} {cases} cases; mean over cases"
        + (", ± standard deviation over seeds." if several else " of one seed.")
    ]
    if len(seed_counts) > 1:
        notes.append("Rows differ in their number of seeds.")
    if any(row.upper_bound for row in benchmark.rows):
        notes.append("Rows with all labels clean show what is to be gained and are never set bold.")
    drawn = "seeds and cases" if several else "cases"
    notes.append(f"Interval: percentile bootstrap over {drawn}.")
    if baseline is not None:
        notes.append(
            f"p: two-sided paired Wilcoxon over the cases (seeds averaged) against {baseline.title} in Dice, "
            "Holm's correction; it says nothing of other seeds."
        )
    if paper is not None:
        notes.append(f"Rows of the paper: {paper.number} of arXiv:2503.12218 ({paper.data}). {UNITS_REMARK}")
    return tuple(notes)


def _best(benchmark: Benchmark, values: dict[str, Values], metric: str) -> set[str]:
    """Rows with the best mean as printed; upper bounds do not count."""
    means = {
        name: round(_stat(found, metric).mean, 2)
        for name, found in values.items()
        if not _upper_bound(benchmark, name)
    }
    if len(means) < 2:
        return set()
    top = max(means.values()) if METRICS[metric].better == "higher" else min(means.values())
    return {name for name, mean in means.items() if mean == top}


def _upper_bound(benchmark: Benchmark, name: str) -> bool:
    return any(row.name == name and row.upper_bound for row in benchmark.rows)


def _scaled(values: Values, metric: str) -> FloatArray:
    """As printed: fractions in percent."""
    return values.array * (100 if METRICS[metric].unit == "fraction" else 1)


def _stat(values: Values | None, metric: str, *, best: bool = False) -> Stat:
    """Mean over cases, then mean and standard deviation over seeds."""
    if values is None:
        return Stat(nan)
    return _stat_of(_scaled(values, metric).mean(axis=1).tolist(), best=best)


def _stat_of(by_seed: Sequence[float], *, best: bool = False) -> Stat:
    std = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else nan
    return Stat(float(np.mean(by_seed)), std, best=best)


def _over_seeds(values: Sequence[object], scale: float) -> Stat | None:
    """Mean and standard deviation of what the records state; None if they state nothing."""
    stated = [scale * value for value in values if isinstance(value, int | float)]
    return _stat_of(stated) if stated else None


def _p_value(value: float | None) -> Number | None:
    if value is None:
        return None
    return Number(value, "< 0.001" if value < 0.001 else f"{value:.3f}")
