"""The runs of a benchmark as jobs, and what each of them leaves: a record, also of one that failed."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from alcseg.benchmarking.plan import read_plan
from alcseg.benchmarking.run import RunPaths, execute, fail, failed_record
from alcseg.errors import AlcsegError, DataError, UsageError
from alcseg.launching import Job, Launcher
from alcseg.listing import has_file
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.benchmark_run import BenchmarkRecord

__all__ = ["Work", "launch_runs"]

Report = Callable[[PlannedRun, BenchmarkRecord], None]
"""Told of every run that has ended, with its record."""


@dataclass(frozen=True)
class Work:
    """What is to be computed.

    Attributes:
        plan: The benchmark; also in `plan.yaml` of `out`, where other processes read it.
        out: Its folder.
        runs: Those that are not done.
        workers: Processes per run that read patches.
    """

    plan: BenchmarkPlan
    out: Path
    runs: tuple[PlannedRun, ...]
    workers: int = 0


def launch_runs(work: Work, launcher: Launcher, report: Report) -> None:
    """Compute all runs, and wait for them.

    Args:
        work: What to compute.
        launcher: Where.
        report: Called at the end of every run.

    Raises:
        KeyboardInterrupt: After all runs have saved where they are.
    """
    runs = {run.id: run for run in work.runs}
    launcher.launch(
        [Job(name, partial(_execute, str(work.out), name, work.workers)) for name in runs],
        lambda job, error: report(runs[job.name], _record(work, runs[job.name], error)),
    )


def _execute(out: str, run_id: str, workers: int, device: str) -> None:
    """What another process is told to do."""
    plan = read_plan(BenchmarkPlan.path(Path(out)))
    run = next(run for run in plan.runs if run.id == run_id)
    execute(plan, run, Path(out), device=device, workers=workers)


def _record(work: Work, run: PlannedRun, error: AlcsegError | None) -> BenchmarkRecord:
    """The record that a run left, or one that says why there is none."""
    paths = RunPaths(work.out, run)
    if isinstance(error, UsageError):  # another process is at it, and writes the record
        return failed_record(run, work.plan, str(error))
    if error is None and has_file(paths.record):
        return BenchmarkRecord.read_file(paths.record)
    return fail(paths, work.plan, error or DataError("no record was written"))
