"""`alcseg benchmark`: a plan to finished runs, the missing ones computed, the others left alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from alcseg.benchmarking.datasets import check_source, make_datasets
from alcseg.benchmarking.estimate import PlanCost, estimate_plan, share_runs
from alcseg.benchmarking.kept import keep_curve, keep_plan, keep_run
from alcseg.benchmarking.launch import Work, launch_runs
from alcseg.benchmarking.plan import choose_runs, read_plan
from alcseg.benchmarking.run import Found, RunPaths, State, find_state
from alcseg.files import make_folder
from alcseg.frames import to_frame
from alcseg.inference.device import require_device_name
from alcseg.launching import JobCount, Launcher, LauncherName, LocalLauncher, check_options, make_launcher
from alcseg.launching.cores import cores_are_shared
from alcseg.launching.job import terminated_as_interrupted
from alcseg.locks import alone
from alcseg.processes import require_workers
from alcseg.records.benchmark_plan import PlannedRun
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.summary import EvaluationSummary

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["BenchmarkResult", "RunLine", "benchmark"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunLine:
    """A run in the list that is printed.

    Attributes:
        run: `<dataset>/<row>/seed-<k>`.
        state: `done`, `failed`, `begun` or `open`.
        dice: Foreground mean over the scored cases, of a finished run.
        train_s: Seconds of training, of a finished run.
        estimated_hours: Of what is not done, where it could be estimated.
    """

    run: str
    state: State
    dice: float | None = None
    train_s: float | None = None
    estimated_hours: float | None = None


@dataclass
class BenchmarkResult:
    """How far a benchmark is.

    Attributes:
        out: Its folder.
        title: Of the plan.
        runs: All runs of the plan.
        failed: Message of each run that failed.
        cost: What is left to do will cost; only under `--dry-run`.
    """

    out: Path
    title: str
    runs: list[RunLine] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    cost: PlanCost | None = None

    def to_frame(self) -> "DataFrame":
        """A line per run; needs pandas."""
        return to_frame(map(vars, self.runs))

    def __fspath__(self) -> str:
        return str(self.out)


def benchmark(
    plan: str | PathLike[str],
    *,
    out: str | PathLike[str],
    data: str | PathLike[str] | None = None,
    test_data: str | PathLike[str] | None = None,
    launcher: LauncherName = "local",
    jobs: JobCount = None,
    slurm: Sequence[str] = (),
    device: str = "auto",
    workers: int = 0,
    runs: Sequence[str] = (),
    records: str | PathLike[str] | None = None,
    dry_run: bool = False,
) -> BenchmarkResult:
    """Compute the runs of a plan that are not done; failed ones are tried again.

    Args:
        plan: Name of a shipped plan, or a file.
        out: Folder of the benchmark; given again, it goes on.
        data: Folder with the files that the plan's datasets are imported from.
        test_data: Folder with the test cases of datasets that say `test_data: true`.
        launcher: `local`, or `slurm` through submitit.
        jobs: Runs side by side; None: one per GPU, else one; 0: in this process, one after the other;
            `auto`, which the command line takes: one per GPU, else one per core as far as there are runs and
            memory, or as many as the threads that runs in `out` were begun with allow.
        slurm: `KEY=VALUE` options of the jobs, such as `partition=gpu`.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        workers: Processes per run that read patches.
        runs: Only these, in this order: `<dataset>/<row>/seed-<k>` with the wildcards of a shell, such as
            `*/alc/*`; empty: all. Datasets that none of them reads are not made.
        records: Folder that what `alcseg report` reads of each finished run is copied into, a few KB a run
            without data, weights and predictions; one folder may be filled from several machines.
        dry_run: Only say what would be done and what it will cost.

    Raises:
        ConfigError: If the plan is wrong, or what was done before was done with another plan.
        UsageError: If an option is wrong, no run is of that name, or the source files are not named.
        KeyboardInterrupt: After all runs have saved where they are.
    """
    out, data, test_data, records = Path(out), _path(data), _path(test_data), _path(records)
    check_options(launcher, slurm)
    require_device_name(device)
    require_workers(workers)
    checked = read_plan(plan)
    wanted = choose_runs(checked, runs)
    state = _Runs(out, records, {run.id: find_state(RunPaths(out, run), checked) for run in wanted})
    left = tuple(run for run in wanted if not state.is_done(run))
    needed = checked.only_datasets({run.dataset for run in wanted})
    if dry_run:
        sources = [folder for folder in (data, test_data) if folder is not None]
        check_source(needed, data, out, test_data=test_data, needed=False)
        share = share_runs(checked, left, out, device) if cores_are_shared(launcher, device, jobs) else None
        cost = estimate_plan(needed, left, sources, out, device, share)
        return BenchmarkResult(out, checked.title, state.lines(cost.hours), cost=cost)
    launched_by: Launcher = make_launcher(launcher, out, jobs=jobs, slurm=slurm, device=device)
    check_source(needed, data, out, test_data=test_data)
    with terminated_as_interrupted(), alone(out):
        make_folder(out)
        checked.write(out)
        if records is not None:
            keep_plan(checked, records)
        make_datasets(needed, data, out, test_data=test_data)
        if left and cores_are_shared(launcher, device, jobs):
            share = share_runs(checked, left, out, device)
            launched_by = LocalLauncher(device, share.jobs, share.threads)
            logger.info("%s runs are done, the others go %s", state.done, share)
        else:
            logger.info("%s runs are done", state.done)
        for run in wanted:
            if state.is_done(run):
                state.keep(run)
        try:
            for later in (False, True):  # what begins with another run's weights comes after it
                wave = tuple(run for run in left if (run.row.init is not None) == later)
                if wave:
                    launch_runs(Work(checked, out, wave, workers), launched_by, state.ended)
        finally:
            if records is not None:  # what was stopped tells how far it came
                for run in left:
                    if not state.is_done(run):
                        keep_curve(run, out, records)
    return BenchmarkResult(out, checked.title, state.lines({}), state.failed)


@dataclass
class _Runs:
    """How far each run is; tells on stderr of every run that ends.

    Attributes:
        out: Folder of the benchmark.
        records: Folder of the records that are kept, if any.
        found: Of each run.
        failed: Message of each run that failed in this call.
        dice: Of each finished run that was asked about.
    """

    out: Path
    records: Path | None
    found: dict[str, Found]
    failed: dict[str, str] = field(default_factory=dict)
    dice: dict[str, float | None] = field(default_factory=dict)

    @property
    def done(self) -> str:
        """How many are done."""
        states = [found.state for found in self.found.values()]
        return f"{states.count('done')} of {len(states)}"

    def ended(self, run: PlannedRun, record: BenchmarkRecord) -> None:
        """Take note of a run that ended, well or not."""
        self.found[run.id] = Found(record.status, record)
        if not record.done:
            self.failed[run.id] = str(record.error)
            logger.warning("%s failed: %s", run.id, record.error)
            return
        dice = self._dice(run.id)
        score = "no Dice" if dice is None else f"Dice {dice:.4f}"
        logger.info("%s done: %s, %s", self.done, run.id, score)
        self.keep(run)

    def is_done(self, run: PlannedRun) -> bool:
        """Whether a run is done by now."""
        return self.found[run.id].state == "done"

    def keep(self, run: PlannedRun) -> None:
        """Copy what tells of a finished run."""
        if self.records is not None:
            keep_run(run, self.out, self.records)

    def lines(self, hours: Mapping[str, float]) -> list[RunLine]:
        """All runs, with the hours that those not done will take."""
        return [
            RunLine(run_id, "done", self._dice(run_id), found.record.train_s)
            if found.state == "done" and found.record is not None
            else RunLine(run_id, found.state, estimated_hours=hours.get(run_id))
            for run_id, found in self.found.items()
        ]

    def _dice(self, run_id: str) -> float | None:
        if run_id not in self.dice:
            summary = EvaluationSummary.read(self.out / "runs" / run_id / "eval")
            self.dice[run_id] = summary.foreground_mean["dice"].mean
        return self.dice[run_id]


def _path(folder: str | PathLike[str] | None) -> Path | None:
    return None if folder is None else Path(folder)
