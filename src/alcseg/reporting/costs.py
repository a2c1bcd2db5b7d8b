"""What the runs took: time per step, memory, size of the network."""

from collections.abc import Sequence

from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Column, DataTable, Line, Stat, stat_over_seeds

__all__ = ["cost_table"]


def cost_table(benchmark: Benchmark) -> DataTable | None:
    """Time, memory and validation Dice of every row on every dataset; None without a finished run."""
    lines = []
    records = []
    for dataset in benchmark.datasets:
        for row in benchmark.rows:
            found = [run.record for run in benchmark.done(dataset.name, row.row)]
            if found:
                records += found
                per_step = [
                    1000 * record.train_s / record.steps
                    for record in found
                    if record.train_s and record.steps
                ]
                cells = (
                    dataset.title,
                    row.title,
                    found[0].steps,
                    stat_over_seeds(per_step, digits=0) if per_step else None,
                    _over_seeds([record.train_s for record in found], 1 / 60),
                    _over_seeds([record.peak_memory_mib for record in found], 1 / 1024),
                    _over_seeds([record.peak_gpu_memory_mib for record in found], 1 / 1024),
                    _over_seeds([found[0].parameters], 1e-6),
                    _over_seeds([record.validation_dice for record in found], 100),
                )
                lines.append(Line(cells))
    if not lines:
        return None
    notes = [
        f"{heading}: {'; '.join(stated)}."
        for heading, values in (
            ("Hardware", [record.hardware for record in records]),
            ("Commit", [record.commit for record in records]),
        )
        if (stated := sorted({value for value in values if value}))
    ]
    return DataTable(
        "costs",
        "What the runs took",
        (
            Column("dataset", "dataset", numeric=False),
            Column("method", "method", numeric=False),
            Column("steps", "steps"),
            Column("ms_per_step", "ms per step", "lower"),
            Column("train_min", "training (min)", "lower"),
            Column("peak_memory_gib", "peak memory (GiB)", "lower"),
            Column("peak_gpu_memory_gib", "on the GPU (GiB)", "lower"),
            Column("parameters_millions", "weights (millions)"),
            Column("validation_dice", "validation Dice (%)", "higher"),
        ),
        tuple(lines),
        ("The time holds validation and data loading; the memory is that of the process.", *notes),
    )


def _over_seeds(values: Sequence[float | None], scale: float) -> Stat | None:
    """Mean and standard deviation of what the records state; None if they state nothing."""
    stated = [scale * value for value in values if value is not None]
    return stat_over_seeds(stated) if stated else None
