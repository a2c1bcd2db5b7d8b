"""`alcseg report`: the records of a benchmark or a run to tables, figures and one page."""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from alcseg.errors import DataError
from alcseg.listing import has_file, list_folders
from alcseg.outputs import output_folder, real_path, require_apart
from alcseg.records.run import RunRecord
from alcseg.reporting.exhibits import exhibits
from alcseg.reporting.pages import write_benchmark_report, write_run_report
from alcseg.reporting.records import Benchmark, is_benchmark
from alcseg.reproduction.exhibits import KINDS
from alcseg.run import Run

__all__ = ["ReportResult", "report"]


@dataclass(frozen=True)
class ReportResult:
    """What a report holds.

    Attributes:
        page: Everything on one page.
        shown: Names of its tables and figures, which also stand beside it as files.
        not_done: Runs of the benchmark without a result, and why.
    """

    page: Path
    shown: list[str]
    not_done: dict[str, str] = field(default_factory=dict)


def report(
    folder: str | PathLike[str], *, out: str | PathLike[str] | None = None, overwrite: bool = False
) -> ReportResult:
    """Make tables and figures of what a benchmark or a training left on disk; nothing is computed anew.

    Args:
        folder: Of `alcseg benchmark`, finished or not, or a run folder.
        out: Folder of the report; None: `report` in `folder`.
        overwrite: Replace an output folder that is not empty.

    Raises:
        DataError: If `folder` is neither, or a record in it is damaged.
        UsageError: If `out` holds something, is the input, holds it or lies in it.
    """
    folder = Path(folder)
    target = folder / "report" if out is None else Path(out)
    if real_path(target) != real_path(folder / "report"):
        require_apart(target, folder)
    if is_benchmark(folder):
        benchmark = Benchmark.open(folder)
        with output_folder(target, overwrite=overwrite, writes="report.html") as partial:
            shown = write_benchmark_report(benchmark, exhibits(benchmark, KINDS), partial)
        not_done = {f"{dataset}/{row}/seed-{seed}": why for dataset, row, seed, why in benchmark.missing}
        return ReportResult(target / "report.html", shown, not_done)
    if not has_file(RunRecord.path(folder)):
        inside = [entry.name for entry in list_folders(folder) if is_benchmark(entry)]
        hint = f"Name one of the benchmarks in it: {', '.join(inside)}." if inside else "Check the path."
        raise DataError(
            f"{folder}: expected plan.yaml of `alcseg benchmark` or {RunRecord.NAME} of `alcseg train`, "
            f"found neither. {hint}"
        )
    run = Run.open(folder)
    with output_folder(target, overwrite=overwrite, writes="report.html") as partial:
        return ReportResult(target / "report.html", write_run_report(run, partial))
