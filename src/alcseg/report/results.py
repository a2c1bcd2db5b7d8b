"""Scores of all rows on one dataset, the paper's values in a gray row under ours.

A row's numbers are means over cases and classes, then mean and standard deviation over seeds.
"""

from alcseg.metrics import METRICS
from alcseg.report.entries import DatasetEntry, RowEntry
from alcseg.report.intervals import corrected_p_values, crossed_interval
from alcseg.report.paper import METRICS as PAPER_METRICS
from alcseg.report.paper import PAPER_TABLES, UNITS_REMARK, PaperTable
from alcseg.report.records import Benchmark
from alcseg.report.table import (
    Cell,
    Column,
    DataTable,
    Interval,
    Line,
    Number,
    Stat,
    best_rows,
    printed,
    stat_of_runs,
)

__all__ = ["BASELINE", "results_table"]

BASELINE = "alc"
"""The row that all others are compared with."""

_SHOWN = ("dice", "jaccard", "hd95", "asd", "assd")
_NAMES = {"dice": "Dice", "jaccard": "Jaccard", "hd95": "95HD", "asd": "ASD", "assd": "ASSD"}
_UNITS = {"voxel": "voxels", "fraction": "%"}


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
    units = _units(benchmark, dataset)
    upper_bounds = {row.name for row in benchmark.rows if row.upper_bound}
    fair = {name: found for name, found in values["dice"].items() if name not in upper_bounds}
    baseline = benchmark.row(BASELINE)
    p_values = corrected_p_values(fair, baseline.name) if baseline else {}
    best = {metric: best_rows(values[metric], metric, upper_bounds) for metric in metrics}
    paper = PAPER_TABLES.get(benchmark.reference)
    published = _published(benchmark, paper, dataset)
    remark = _remark(benchmark, paper, dataset, units)
    lines = []
    for row in benchmark.rows:
        dice = values["dice"].get(row.name)
        stats: list[Cell] = [
            stat_of_runs(values[metric].get(row.name), metric, best=row.name in best[metric])
            for metric in metrics
        ]
        interval = None if dice is None else Interval(*crossed_interval(printed(dice, "dice")))
        seeds = _seeds(0 if dice is None else len(dice.seeds), len(benchmark.seeds))
        lines.append(Line((row.title, *stats, interval, _p_value(p_values.get(row.name)), seeds)))
        if row.name in published:
            numbers = dict(zip(PAPER_METRICS, published[row.name], strict=True))
            cells = [Stat(numbers[metric]) if metric in numbers else None for metric in metrics]
            label = f"{row.title}, paper" + (f" ({remark})" if remark else "")
            lines.append(Line((label, *cells, None, None, None), published=True))
    return DataTable(
        f"results-{dataset.name}",
        dataset.title,
        (
            Column("method", "method", numeric=False),
            *(_column(metric, units) for metric in metrics),
            Column("dice_interval", "Dice, 95 % interval"),
            Column("p", f"p against {baseline.title}" if baseline else "p"),
            Column("seeds", "seeds"),
        ),
        tuple(lines),
        _notes(benchmark, dataset, paper if published else None, baseline),
    )


def _units(benchmark: Benchmark, dataset: DatasetEntry) -> dict[str, str]:
    """Unit of each metric as it was evaluated."""
    runs = (run for row in benchmark.rows for run in benchmark.done(dataset.name, row.name))
    return next((run.test.units for run in runs if run.test is not None), {})


def _column(metric: str, units: dict[str, str]) -> Column:
    unit = units.get(metric, METRICS[metric].unit)
    heading = f"{_NAMES[metric]} ({_UNITS.get(unit, unit)})"
    return Column(metric, heading, "up" if METRICS[metric].better == "higher" else "down")


def _published(
    benchmark: Benchmark, paper: PaperTable | None, dataset: DatasetEntry
) -> dict[str, tuple[float, ...]]:
    """Our row to the numbers of the paper's row that stands under it."""
    rows = {} if paper is None or dataset.hq_percent is None else paper.rows.get(int(dataset.hq_percent), {})
    found: dict[str, tuple[float, ...]] = {}
    for word, numbers in rows.items():
        named = next((row for row in benchmark.rows if row.reference == word), None)
        row = named or benchmark.row(word)
        if row is not None:
            found[row.name] = numbers
    return found


def _remark(
    benchmark: Benchmark, paper: PaperTable | None, dataset: DatasetEntry, units: dict[str, str]
) -> str:
    """How the paper's experiment differs from ours."""
    if paper is None:
        return ""
    hq, lq, test = benchmark.cases(dataset.name)
    remarks = [paper.remark(hq + lq, test, split=benchmark.split, halved=dataset.halved)]
    remarks += ["voxels"] if units.get("hd95") == "mm" else []
    return ", ".join(filter(None, remarks))


def _seeds(found: int, wanted: int) -> Number:
    return Number(
        found, "not run" if not found else str(found) if found == wanted else f"{found} of {wanted}"
    )


def _p_value(value: float | None) -> Number | None:
    if value is None:
        return None
    return Number(value, "< 0.001" if value < 0.001 else f"{value:.3f}")


def _notes(
    benchmark: Benchmark, dataset: DatasetEntry, paper: PaperTable | None, baseline: RowEntry | None
) -> tuple[str, ...]:
    several = len(benchmark.seeds) > 1
    hq, lq, test = benchmark.cases(dataset.name)
    cases = {"test": "test", "val": "validation"}.get(benchmark.split, benchmark.split)
    notes = [
        f"{hq} HQ and {lq} LQ training cases, {test} {cases} cases; mean over cases"
        + (", ± standard deviation over seeds." if several else " of one seed.")
    ]
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
        notes.append(f"Gray: {paper.number} of arXiv:2503.12218 ({paper.data}). {UNITS_REMARK}")
    return tuple(notes)
