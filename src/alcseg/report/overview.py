"""Dice of every row on every dataset side by side, for plans with several datasets."""

from alcseg.report.records import Benchmark
from alcseg.report.table import Cell, Column, DataTable, Line, stat_of_runs

__all__ = ["overview_table"]


def overview_table(benchmark: Benchmark) -> DataTable | None:
    """A line per dataset, a column per row of the plan; None where fewer than two datasets have results."""
    lines = []
    for dataset in benchmark.datasets:
        values = {row.name: benchmark.values(dataset.name, row.name, "dice") for row in benchmark.rows}
        means = {
            row.name: round(stat_of_runs(values[row.name], "dice").mean, 2)
            for row in benchmark.rows
            if values[row.name] is not None and not row.upper_bound
        }
        best = max(means.values(), default=None) if len(means) > 1 else None
        cells: list[Cell] = [
            None
            if values[row.name] is None
            else stat_of_runs(values[row.name], "dice", best=best is not None and means.get(row.name) == best)
            for row in benchmark.rows
        ]
        if any(cell is not None for cell in cells):
            lines.append(Line((dataset.title, *cells)))
    if len(lines) < 2:
        return None
    return DataTable(
        "overview",
        "All datasets: Dice (%)",
        (
            Column("dataset", "dataset", numeric=False),
            *(Column(row.name, row.title, "up") for row in benchmark.rows),
        ),
        tuple(lines),
        ("Means over cases, ± standard deviation over seeds where there are several.",),
    )
