"""Runs of a plan that have no result, and why."""

from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Column, DataTable, Line

__all__ = ["missing_table"]


def missing_table(benchmark: Benchmark) -> DataTable | None:
    """Runs of the plan without a result; None if there are all."""
    titles = {dataset.name: dataset.title for dataset in benchmark.datasets}
    names = {row.row: row.title for row in benchmark.rows}
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
