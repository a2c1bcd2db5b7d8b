"""`alcseg benchmark`: a plan to finished runs, the missing ones computed, the others left alone."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from alcseg.benchmark.datasets import check_source, make_datasets
from alcseg.benchmark.estimate import PlanCost, estimate_plan
from alcseg.benchmark.launch import (
    LAUNCHERS,
    Work,
    count_jobs,
    launch_local,
    launch_slurm,
    make_executor,
    terminated_as_interrupted,
)
from alcseg.benchmark.plan import BenchmarkPlan, Run
from alcseg.benchmark.plan_file import read_plan
from alcseg.benchmark.run import RunPaths, State, find_state
from alcseg.errors import UsageError
from alcseg.files import make_folder, read_json

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


def benchmark(
    plan: str,
    *,
    out: Path,
    data: Path | None = None,
    test_data: Path | None = None,
    launcher: str = "local",
    jobs: int | None = None,
    slurm: Sequence[str] = (),
    device: str = "auto",
    workers: int = 0,
    dry_run: bool = False,
) -> BenchmarkResult:
    """Compute the runs of a plan that are not done; failed ones are tried again.

    Args:
        plan: Name of a shipped plan, or a file.
        out: Folder of the benchmark; given again, it goes on.
        data: Folder with the files that the plan's datasets are imported from.
        test_data: Folder with the test cases of datasets that say `test_data: true`.
        launcher: `local`, or `slurm` through submitit.
        jobs: Runs side by side; None: one per GPU, else one; 0: in this process, one after the other.
        slurm: `KEY=VALUE` options of the jobs, such as `partition=gpu`.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        workers: Processes per run that read patches.
        dry_run: Only say what would be done and what it will cost.

    Raises:
        ConfigError: If the plan is wrong, or what was done before was done with another plan.
        UsageError: If an option is wrong or the source files are not named.
        KeyboardInterrupt: After all runs have saved where they are.
    """
    if launcher not in LAUNCHERS:
        raise UsageError(f"--launcher: expected one of {', '.join(LAUNCHERS)}, got '{launcher}'.")
    options = _slurm_options(slurm, launcher)
    checked = read_plan(plan)
    states = {run.id: find_state(RunPaths(out, run), checked) for run in checked.runs}
    left = tuple(run for run in checked.runs if states[run.id] != "done")
    if dry_run:
        sources = [folder for folder in (data, test_data) if folder is not None]
        check_source(checked, data, out, test_data=test_data, needed=False)
        cost = estimate_plan(checked, left, sources, out, device)
        lines = [_line(run, states[run.id], out, cost.hours.get(run.id)) for run in checked.runs]
        return BenchmarkResult(out, checked.title, lines, cost=cost)
    side_by_side = count_jobs(device, jobs)
    executor = make_executor(out, jobs=jobs, options=options) if launcher == "slurm" else None
    check_source(checked, data, out, test_data=test_data)
    make_folder(out)
    checked.write(out / "plan.yaml")
    work = Work(checked, out, left, device, workers)
    tell = _Progress(len(checked.runs), len(checked.runs) - len(left), out)
    with terminated_as_interrupted():
        make_datasets(checked, data, out, test_data=test_data)
        tell.begin()
        if left and launcher == "slurm":
            launch_slurm(work, executor=executor, report=tell.ended)
        elif left:
            launch_local(work, jobs=side_by_side, report=tell.ended)
    return _result(checked, out, tell.failed)


class _Progress:
    """One line on stderr for every run that ends."""

    def __init__(self, total: int, done: int, out: Path) -> None:
        self.total = total
        self.done = done
        self.out = out
        self.failed: dict[str, str] = {}

    def begin(self) -> None:
        logger.info("%d of %d runs are done", self.done, self.total)

    def ended(self, run: Run, record: Mapping[str, Any]) -> None:
        if record["status"] != "done":
            self.failed[run.id] = str(record["error"])
            logger.warning("%s failed: %s", run.id, record["error"])
            return
        self.done += 1
        dice = _dice(RunPaths(self.out, run))
        score = "no Dice" if dice is None else f"Dice {dice:.4f}"
        logger.info("%d of %d done: %s, %s", self.done, self.total, run.id, score)


def _result(plan: BenchmarkPlan, out: Path, failed: Mapping[str, str]) -> BenchmarkResult:
    result = BenchmarkResult(out, plan.title, failed=dict(failed))
    for run in plan.runs:
        result.runs.append(_line(run, find_state(RunPaths(out, run), plan), out))
    return result


def _line(run: Run, state: State, out: Path, hours: float | None = None) -> RunLine:
    paths = RunPaths(out, run)
    if state != "done":
        return RunLine(run.id, state, estimated_hours=hours)
    return RunLine(run.id, state, _dice(paths), read_json(paths.record)["train_s"])


def _dice(paths: RunPaths) -> float | None:
    value: float | None = read_json(paths.root / "eval" / "summary.json")["foreground_mean"]["dice"]["mean"]
    return value


def _slurm_options(words: Sequence[str], launcher: str) -> dict[str, Any]:
    if words and launcher != "slurm":
        raise UsageError("--slurm: expected --launcher slurm beside it.")
    options = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"--slurm {word}: expected KEY=VALUE, such as partition=gpu.")
        options[key] = yaml.safe_load(value)
    return options
