"""Where the runs of a benchmark are computed: here, on this machine side by side, or by SLURM."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Literal, get_args

import torch

from alcseg.benchmarking.plan import read_plan
from alcseg.benchmarking.run import RunPaths, execute, fail, failed_record
from alcseg.errors import DataError, ResourceError, UsageError
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.benchmark_run import BenchmarkRecord

__all__ = [
    "LAUNCHERS",
    "Launcher",
    "Work",
    "count_jobs",
    "launch_local",
    "launch_slurm",
    "make_executor",
    "terminated_as_interrupted",
]

logger = logging.getLogger(__name__)

Launcher = Literal["local", "slurm"]
LAUNCHERS: tuple[Launcher, ...] = get_args(Launcher)
_INTERRUPTED = 130
_POLL_S = 5.0

Report = Callable[[PlannedRun, BenchmarkRecord], None]
"""Told of every run that has ended, with its record."""


@dataclass(frozen=True)
class Work:
    """What is to be computed.

    Attributes:
        plan: The benchmark; also in `plan.yaml` of `out`, where other processes read it.
        out: Its folder.
        runs: Those that are not done.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        workers: Processes per run that read patches.
    """

    plan: BenchmarkPlan
    out: Path
    runs: tuple[PlannedRun, ...]
    device: str = "auto"
    workers: int = 0


def count_jobs(device: str, jobs: int | None) -> int:
    """Runs side by side: as asked, else one per GPU, else one."""
    if jobs is not None:
        if jobs < 0:
            raise UsageError(f"--jobs: expected at least 0, got {jobs}.")
        return jobs
    return max(1, torch.cuda.device_count()) if device in ("auto", "cuda") else 1


def launch_local(work: Work, *, jobs: int, report: Report) -> None:
    """Compute all runs on this machine.

    Args:
        work: What to compute.
        jobs: Processes side by side, each with its share of the processor, or a GPU of its own where there
            are several; 0 computes one after the other in this process.
        report: Called at the end of every run.

    Raises:
        KeyboardInterrupt: After all processes have saved where they are.
    """
    if jobs == 0:
        for run in work.runs:
            report(run, execute(work.plan, run, work.out, device=work.device, workers=work.workers))
        return
    waiting = list(work.runs)
    slots = _slots(work.device, jobs)
    busy: dict[int, tuple[BaseProcess, PlannedRun]] = {}
    try:
        while waiting or busy:
            for number, (device, gpu) in enumerate(slots):
                if number not in busy and waiting:
                    run = waiting.pop(0)
                    busy[number] = (_start(work, run, device, gpu, jobs), run)
            multiprocessing.connection.wait([process.sentinel for process, _ in busy.values()], _POLL_S)
            for number, (process, run) in list(busy.items()):
                if not process.is_alive():
                    del busy[number]
                    report(run, _ended(work, run, process.exitcode))
    except KeyboardInterrupt:
        logger.info("stopping %d run(s) after their step", len(busy))
        for process, _ in busy.values():
            process.terminate()
        for process, _ in busy.values():
            process.join()
        raise


def make_executor(out: Path, *, jobs: int | None, options: Mapping[str, Any]) -> Any:
    """What submits jobs, with its options checked.

    Args:
        out: Folder of the benchmark, seen by all machines.
        jobs: Most jobs at once.
        options: Of `submitit.AutoExecutor.update_parameters`, those of SLURM with or without `slurm_`, and
            `cluster`: `slurm` or, for a trial on this machine, `local`.

    Raises:
        ResourceError: If submitit is not installed.
        UsageError: If an option is unknown or wrong, or there is no SLURM here.
    """
    try:
        import submitit
    except ImportError:
        raise ResourceError(
            "--launcher slurm: expected the package submitit, found none. pip install 'alcseg[slurm]'"
        ) from None
    generic = submitit.AutoExecutor._typed_parameters()
    settings: dict[str, Any] = {"name": "alcseg", "timeout_min": 24 * 60}
    for key, value in options.items():
        bare = key in generic or key == "cluster" or key.startswith(("slurm_", "local_"))
        settings[key if bare else f"slurm_{key}"] = value
    cluster = str(settings.pop("cluster", "slurm"))
    if jobs is not None:
        settings["slurm_array_parallelism"] = max(1, jobs)
    try:
        executor = submitit.AutoExecutor(folder=out / "slurm", cluster=cluster)
        executor.update_parameters(**settings)
    except (AssertionError, NameError, RuntimeError, TypeError, ValueError) as error:
        raise UsageError(f"--slurm: {' '.join(str(error).split())}") from None
    return executor


def launch_slurm(work: Work, *, executor: Any, report: Report) -> None:
    """Compute every run as a job of an array, and wait for all of them.

    A job that reaches its time limit is submitted again and goes on from its last checkpoint.

    Args:
        work: What to compute.
        executor: Of `make_executor`.
        report: Called at the end of every run.

    Raises:
        KeyboardInterrupt: After all jobs were canceled.
    """
    with executor.batch():
        submitted = [
            executor.submit(_Job(str(work.out), run.id, work.device, work.workers)) for run in work.runs
        ]
    logger.info("%d job(s) submitted, the first is %s", len(submitted), submitted[0].job_id)
    waiting = list(zip(work.runs, submitted, strict=True))
    try:
        while waiting:
            for entry in list(waiting):
                run, job = entry
                if job.done():
                    waiting.remove(entry)
                    report(run, _job_record(work, run, job))
            if waiting:
                time.sleep(_POLL_S if executor.cluster == "slurm" else 0.2)
    except KeyboardInterrupt:
        for _, job in waiting:
            job.cancel()
        raise


class _Job:
    """A run as submitit carries it to another machine; called there."""

    def __init__(self, out: str, run_id: str, device: str, workers: int) -> None:
        self.arguments = (out, run_id, device, workers)

    def __call__(self) -> str:
        _log_to_stderr(logging.INFO)
        return _execute(*self.arguments).status

    def checkpoint(self) -> Any:
        """What submitit submits when the time limit is near: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _job_record(work: Work, run: PlannedRun, job: Any) -> BenchmarkRecord:
    error = job.exception()
    paths = RunPaths(work.out, run)
    if error is None and paths.record.is_file():
        return BenchmarkRecord.read_file(paths.record)
    reason = str(error or "no record was written").strip().splitlines()[-1]
    return fail(paths, work.plan, DataError(f"job {job.job_id}: {reason}. See {work.out / 'slurm'}."))


def _execute(out: str, run_id: str, device: str, workers: int) -> BenchmarkRecord:
    """What another process is told to do."""
    plan = read_plan(BenchmarkPlan.path(Path(out)))
    run = next(run for run in plan.runs if run.id == run_id)
    return execute(plan, run, Path(out), device=device, workers=workers)


def _slots(device: str, jobs: int) -> list[tuple[str, str | None]]:
    """Device and visible GPU of each of the processes side by side."""
    count = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if count < 2:
        return [(device, None)] * jobs
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else [str(index) for index in range(count)]
    return [("cuda", names[number % count]) for number in range(jobs)]


def _threads(jobs: int) -> int:
    """Threads of each of the processes side by side; 0 where it is not known how many cores we may use."""
    return max(1, len(os.sched_getaffinity(0)) // jobs) if hasattr(os, "sched_getaffinity") else 0


def _start(work: Work, run: PlannedRun, device: str, gpu: str | None, jobs: int) -> BaseProcess:
    """Start a process; it ignores Ctrl-C, which reaches this one too, and is told to stop by a SIGTERM."""
    # Bars of several processes would write over each other.
    level = logging.getLogger("alcseg").getEffectiveLevel() if jobs == 1 else logging.WARNING
    logger.info("%s: started", run.id)
    process = multiprocessing.get_context("spawn").Process(
        target=_work_alone,
        args=(str(work.out), run.id, device, gpu, work.workers, _threads(jobs), level),
        name=run.id,
    )
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the process
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
    return process


def _work_alone(
    out: str, run_id: str, device: str, gpu: str | None, workers: int, threads: int, level: int
) -> None:
    """The process of one run."""
    signal.signal(signal.SIGTERM, _interrupt)
    threading.Thread(target=_follow_parent, daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if threads:
        torch.set_num_threads(threads)
    _log_to_stderr(level)
    try:
        record = _execute(out, run_id, device, workers)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except UsageError as error:
        logger.error("%s", error)
        sys.exit(error.exit_code)
    sys.exit(0 if record.done else 1)


def _follow_parent() -> None:
    """Stop when the process that started this one is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _ended(work: Work, run: PlannedRun, code: int | None) -> BenchmarkRecord:
    """The record that a process left, or one that says why there is none."""
    paths = RunPaths(work.out, run)
    if code in (0, 1) and paths.record.is_file():
        return BenchmarkRecord.read_file(paths.record)
    if code == _INTERRUPTED:
        raise KeyboardInterrupt(f"run {run.id} was asked to stop")
    if code == UsageError.exit_code:
        return failed_record(run, work.plan, f"run {run.id}: another process is at it.")
    killed = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    hint = " Out of memory, most likely; see the system's log." if code == -signal.SIGKILL else ""
    return fail(paths, work.plan, ResourceError(f"the process of the run ended with {killed}.{hint}"))


def _log_to_stderr(level: int) -> None:
    package = logging.getLogger("alcseg")
    package.setLevel(level)
    package.handlers = [logging.StreamHandler()]
    package.propagate = False


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """A SIGTERM inside the block is a Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # only that one can
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
