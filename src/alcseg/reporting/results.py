"""Scores of all rows on one dataset; values that others published stand in gray rows under ours.

A row's numbers are means over cases and classes, then mean and standard deviation over seeds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alcseg.metrics import METRICS
from alcseg.records.benchmark_plan import PlannedRow
from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.intervals import PairedTest, corrected_p_values, crossed_interval
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import (
    Cell,
    Column,
    DataTable,
    Interval,
    Line,
    Number,
    Stat,
    best_rows,
    printed,
    printed_unit,
    stat_of_runs,
)

__all__ = ["BASELINE", "Published", "results_table", "units_of"]

BASELINE = "alc"
"""The row that all others are compared with."""

_FIRST = ("dice", "jaccard", "hd95", "asd", "assd")
"""The customary ones; others follow as they were evaluated."""
_LEFT_OUT = ("asd_ref_to_pred", "hd95_directed", "nsd")
"""Evaluated, too, and wanted in no table so far."""


@dataclass(frozen=True)
class Published:
    """Values of somebody else's experiment.

    Attributes:
        rows: Name of our row to metric to value, in the units of the table.
        remark: How the experiment differs from ours; empty if nothing is known to.
        note: Where the values come from, a sentence or two.
    """

    rows: Mapping[str, Mapping[str, float]]
    remark: str = ""
    note: str = ""


def results_table(
    benchmark: Benchmark,
    dataset: DatasetEntry,
    published: Published | None = None,
    *,
    baseline: str = BASELINE,
) -> DataTable | None:
    """Scores of every row on one dataset and tests against one of them; None without a result.

    Args:
        benchmark: With its records.
        dataset: On which dataset.
        published: Values to stand under ours.
        baseline: Name or method of the row that all others are tested against, where there is one.
    """
    units = units_of(benchmark, dataset)
    others = (metric for metric in units if metric not in (*_FIRST, *_LEFT_OUT) and metric in METRICS)
    values = {metric: benchmark.by_row(dataset.name, metric) for metric in (*_FIRST, *others)}
    if not values["dice"]:
        return None
    metrics = [metric for metric, found in values.items() if found]
    upper_bounds = benchmark.upper_bounds
    fair = {name: found for name, found in values["dice"].items() if name not in upper_bounds}
    against = benchmark.row(baseline)
    p_values = corrected_p_values(fair, against.row) if against else {}
    best = {metric: best_rows(values[metric], metric, upper_bounds) for metric in metrics}
    lines = []
    for row in benchmark.rows:
        dice = values["dice"].get(row.row)
        stats: list[Cell] = [
            stat_of_runs(values[metric].get(row.row), metric, best=row.row in best[metric])
            for metric in metrics
        ]
        interval = None if dice is None else Interval(*crossed_interval(printed(dice, "dice")))
        seeds = _seeds(0 if dice is None else len(dice.seeds), len(benchmark.plan.seeds))
        lines.append(Line((row.title, *stats, interval, _p_value(p_values.get(row.row)), seeds)))
        if published is not None and row.row in published.rows:
            numbers = published.rows[row.row]
            cells = [Stat(numbers[metric]) if metric in numbers else None for metric in metrics]
            label = f"{row.title}, paper" + (f" ({published.remark})" if published.remark else "")
            lines.append(Line((label, *cells, None, None, None), published=True))
    return DataTable(
        f"results-{dataset.name}",
        dataset.title,
        (
            Column("method", "method", numeric=False),
            *(_column(metric, units) for metric in metrics),
            Column("dice_interval", "Dice, 95 % interval"),
            Column("p", f"p against {against.title}" if against else "p"),
            Column("seeds", "seeds"),
        ),
        tuple(lines),
        _notes(benchmark, dataset, published, against),
    )


def units_of(benchmark: Benchmark, dataset: DatasetEntry) -> dict[str, str]:
    """Unit of each metric as it was evaluated."""
    runs = (run for row in benchmark.rows for run in benchmark.done(dataset.name, row.row))
    return {metric: unit for run in runs if run.test for metric, unit in run.test.units.items()}


def _column(metric: str, units: dict[str, str]) -> Column:
    traits = METRICS[metric]
    unit = printed_unit(metric, units[metric])
    return Column(metric, f"{traits.title} ({unit})" if unit else traits.title, traits.better)


def _seeds(found: int, wanted: int) -> Number:
    return Number(
        found, "not run" if not found else str(found) if found == wanted else f"{found} of {wanted}"
    )


def _p_value(test: PairedTest | None) -> Number | None:
    if test is None:
        return None
    p = "< 0.001" if test.p < 0.001 else f"{test.p:.3f}"
    return Number(test.p, p if test.differ == test.cases else f"{p} ({test.differ} of {test.cases} differ)")


def _notes(
    benchmark: Benchmark, dataset: DatasetEntry, published: Published | None, against: PlannedRow | None
) -> tuple[str, ...]:
    several = len(benchmark.plan.seeds) > 1
    hq, lq, test = benchmark.cases(dataset.name)
    cases = {"test": "test", "val": "validation"}[benchmark.plan.evaluate.split]
    notes = [
        f"{hq} HQ and {lq} LQ training cases, {test} {cases} cases; mean over cases"
        + (", ± standard deviation over seeds." if several else " of one seed.")
    ]
    if any(row.upper_bound for row in benchmark.rows):
        notes.append("Rows with all labels clean show what is to be gained and are never set bold.")
    drawn = "seeds and cases" if several else "cases"
    notes.append(f"Interval: percentile bootstrap over {drawn}.")
    if against is not None:
        notes.append(
            f"p: two-sided paired Wilcoxon against {against.title} in Dice, seeds averaged, over the cases "
            "that differ: all where no number stands by. Holm's correction; it says nothing of other seeds."
        )
    if published is not None and published.rows:
        notes.append(f"Gray: {published.note}")
    return tuple(notes)
