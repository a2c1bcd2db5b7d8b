"""How far given labels were drawn off the boundary: in the network's opinion, and in truth if it is known."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, nan
from statistics import median
from typing import get_args

from alcseg.listing import has_file
from alcseg.records.offsets import OffsetRow
from alcseg.reporting.entries import DatasetEntry, RunEntry
from alcseg.reporting.records import Benchmark
from alcseg.reporting.table import Column, DataTable, Line, Number
from alcseg.run import Run

__all__ = ["OffsetPoint", "offset_table", "read_offsets"]

_WORDS: tuple[str, ...] = get_args(OffsetRow.model_fields["label"].annotation)


@dataclass(frozen=True)
class OffsetPoint:
    """One class of one case.

    Attributes:
        found: What `correct` found and wrote.
        true_mm: Mean signed distance from the clean surface of the foreground to the drawn one; nan where the
            noise was not simulated.
    """

    found: OffsetRow
    true_mm: float

    @property
    def found_mm(self) -> float:
        """How far outside of the boundary the network says it was drawn."""
        return self.found.drawn_mm


def read_offsets(dataset: DatasetEntry, run: RunEntry) -> tuple[OffsetPoint, ...]:
    """What `correct` found in a run's dataset; empty where none were corrected.

    Raises:
        DataError: If a file is damaged.
    """
    if not run.offsets:
        return ()
    noise = dataset.noise.cases
    true = {case: entry.offset_mm_mean for case, entry in noise.items() if entry.offset_mm_mean is not None}
    return tuple(OffsetPoint(row, true.get(row.case_id, nan)) for row in run.offsets)


def offset_table(benchmark: Benchmark) -> DataTable | None:
    """A line per dataset and row that corrected labels; None without any."""
    lines = tuple(_lines(benchmark))
    if not lines:
        return None
    return DataTable(
        "offsets",
        "How the LQ labels were drawn",
        (
            Column("dataset", "dataset", numeric=False),
            Column("method", "method", numeric=False),
            Column("labels", "labels"),
            Column("large", "too large"),
            Column("large_mm", "by (mm)"),
            Column("small", "too small"),
            Column("small_mm", "by (mm)"),
            Column("error_mm", "error, median (mm)", "lower"),
            Column("within_voxel", "error below a voxel (%)", "higher"),
            *(Column(word, word) for word in _WORDS),
        ),
        lines,
        (
            "Cases times classes, over all seeds. Too large and too small in the network's opinion, with the "
            "median; offsets within a voxel count as none.",
            "Error: against the mean signed distance between the clean and the noisy surface of the whole "
            "foreground. Where labels err in their shape, that is not an offset that one could move back.",
            "Then what was written: moved labels; the posterior of label and prediction; labels as given, "
            "which need no move or have nothing to do with the prediction.",
        ),
    )


def _lines(benchmark: Benchmark) -> Iterator[Line]:
    for dataset in benchmark.datasets:
        for row in benchmark.rows:
            runs = benchmark.done(dataset.name, row.row)
            points = [point for run in runs for point in read_offsets(dataset, run)]
            if not points:
                continue
            large = [point.found_mm for point in points if point.found_mm > 0]
            small = [-point.found_mm for point in points if point.found_mm < 0]
            errors = [abs(point.found_mm - point.true_mm) for point in points]
            errors = [error for error in errors if not isnan(error)]
            voxel = _voxel_mm(runs[0])
            within = 100 * sum(error < voxel for error in errors) / len(errors) if errors else nan
            written = Counter[str](point.found.label for point in points)
            yield Line(
                (
                    dataset.title,
                    row.title,
                    len(points),
                    len(large),
                    _median(large),
                    len(small),
                    _median(small),
                    _median(errors, digits=2),
                    None if isnan(within) or isnan(voxel) else Number(within, f"{within:.0f}"),
                    *(written[word] for word in _WORDS),
                )
            )


def _voxel_mm(run: RunEntry) -> float:
    """Finest spacing that the network works at; nan where every case keeps its own."""
    trained = Run(run.path)
    spacing = trained.plan.spacing if has_file(trained.plan_path) else ()
    return min((step for step in spacing if step is not None), default=nan)


def _median(values: list[float], *, digits: int = 1) -> Number | None:
    return Number(median(values), f"{median(values):.{digits}f}") if values else None
