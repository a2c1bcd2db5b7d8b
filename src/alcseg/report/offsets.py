"""How far given labels were drawn off the boundary: in the network's opinion, and in truth if it is known."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import isnan, nan
from pathlib import Path
from statistics import median

from alcseg.errors import DataError, brief
from alcseg.files import read_json
from alcseg.report.entries import DatasetEntry, RunEntry
from alcseg.report.records import Benchmark
from alcseg.report.table import Column, DataTable, Line, Number

__all__ = ["OffsetPoint", "offset_table", "read_offsets"]

_WORDS = ("moved", "posterior", "given")


@dataclass(frozen=True)
class OffsetPoint:
    """One class of one case.

    Attributes:
        case_id: The case.
        class_name: The class.
        found_mm: How far outside of the boundary the network says it was drawn; 0 within a voxel, nan where
            label and prediction have nothing to do with each other.
        true_mm: Mean signed distance from the clean surface of the foreground to the drawn one; nan where the
            noise was not simulated.
        label: What `correct` wrote, as in `offsets.csv`.
    """

    case_id: str
    class_name: str
    found_mm: float
    true_mm: float
    label: str


def read_offsets(dataset: DatasetEntry, run: RunEntry) -> tuple[OffsetPoint, ...]:
    """What `correct` found in a run's dataset; empty where labels were not aligned.

    Raises:
        DataError: If a file is damaged.
    """
    path = run.path / "corrected" / "offsets.csv"
    if not path.is_file():
        return ()
    noise_path = dataset.path / "noise.json"
    noise = read_json(noise_path) if noise_path.is_file() else {}
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            return tuple(
                OffsetPoint(
                    row["case_id"],
                    row["class"],
                    float(row["drawn_mm"] or nan),
                    float(noise.get(row["case_id"], {}).get("offset_mm_mean", nan)),
                    row["label"],
                )
                for row in csv.DictReader(stream)
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected case_id, class, drawn_mm and label of `alcseg correct`, and offset_mm_mean in "
            f"{noise_path}, got {brief(error)}. Remove the folder 'corrected' of the run and call "
            "`alcseg benchmark` again."
        ) from None


def offset_table(benchmark: Benchmark) -> DataTable | None:
    """A line per dataset and row that corrected labels by aligning them; None without any."""
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
            Column("error_mm", "error, median (mm)", "down"),
            Column("within_voxel", "error below a voxel (%)", "up"),
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
            runs = benchmark.done(dataset.name, row.name)
            points = [point for run in runs for point in read_offsets(dataset, run)]
            if not points:
                continue
            large = [point.found_mm for point in points if point.found_mm > 0]
            small = [-point.found_mm for point in points if point.found_mm < 0]
            errors = [abs(point.found_mm - point.true_mm) for point in points]
            errors = [error for error in errors if not isnan(error)]
            voxel = _voxel_mm(runs[0])
            within = 100 * sum(error < voxel for error in errors) / len(errors) if errors else nan
            written = Counter(point.label for point in points)
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
    path = Path(run.path) / "plan.json"
    spacing = read_json(path).get("spacing") if path.is_file() else None
    return min((float(step) for step in spacing or () if step is not None), default=nan)


def _median(values: list[float], *, digits: int = 1) -> Number | None:
    return Number(median(values), f"{median(values):.{digits}f}") if values else None
