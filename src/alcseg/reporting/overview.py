"""Dice of every row on every dataset side by side, for plans with several datasets."""

from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Cell, Column, DataTable, Line, best_rows, stat_of_runs

__all__ = ["overview_table"]


def overview_table(benchmark: Benchmark) -> DataTable | None:
    """A line per dataset, a column per row of the plan; None where fewer than two datasets have results."""
    lines = []
    for dataset in benchmark.datasets:
        values = benchmark.by_row(dataset.name, "dice")
        best = best_rows(values, "dice", benchmark.upper_bounds)
        cells: list[Cell] = [
            stat_of_runs(values[row.row], "dice", best=row.row in best) if row.row in values else None
            for row in benchmark.rows
        ]
        if values:
            lines.append(Line((dataset.title, *cells)))
    if len(lines) < 2:
        return None
    return DataTable(
        "overview",
        "All datasets: Dice (%)",
        (
            Column("dataset", "dataset", numeric=False),
            *(Column(row.row, row.title, "higher") for row in benchmark.rows),
        ),
        tuple(lines),
        ("Means over cases, ± standard deviation over seeds where there are several.",),
    )
