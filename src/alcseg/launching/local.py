"""Jobs on this machine, side by side, each with its share of the processor or a GPU of its own."""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import torch

from alcseg.errors import AlcsegError, ResourceError, UsageError
from alcseg.launching.job import Ended, Job, JobCount, interrupt, log_to_stderr, terminated_as_interrupted
from alcseg.machine import usable_cores
from alcseg.notebook import progress_beside, progress_wanted

__all__ = ["LocalLauncher", "count_jobs", "threads_of_each"]

logger = logging.getLogger(__name__)

_INTERRUPTED = 130
_POLL_S = 5.0


@dataclass(frozen=True)
class LocalLauncher:
    """Starts processes on this machine.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        side_by_side: Processes at once; 0 computes one job after the other in this process.
        threads: Of each process; None: its share of the cores.
    """

    device: str
    side_by_side: int
    threads: int | None = None

    def launch(self, jobs: Sequence[Job], ended: Ended) -> None:
        """See `Launcher`."""
        if self.side_by_side == 0:
            for job in jobs:
                ended(job, _done_here(job, self.device))
            return
        with terminated_as_interrupted():
            self._start_all(jobs, ended)

    def _start_all(self, jobs: Sequence[Job], ended: Ended) -> None:
        waiting = list(jobs)
        slots = _slots(self.device, self.side_by_side)
        busy: dict[int, _Running] = {}
        try:
            while waiting or busy:
                for number, (device, gpu) in enumerate(slots):
                    if number not in busy and waiting:
                        busy[number] = _start(waiting.pop(0), device, gpu, self.side_by_side, self.threads)
                multiprocessing.connection.wait([one.process.sentinel for one in busy.values()], _POLL_S)
                for number, one in list(busy.items()):
                    if not one.process.is_alive():
                        del busy[number]
                        ended(one.job, _why_failed(one.job, one.process.exitcode, one.told))
        except KeyboardInterrupt:
            logger.info("stopping %d job(s) after their step", len(busy))
            for one in busy.values():
                one.process.terminate()
            for one in busy.values():
                one.process.join()
            raise


@dataclass(frozen=True, eq=False)
class _Running:
    """A process, the job that it computes, and where its error comes from if it has one."""

    process: BaseProcess
    job: Job
    told: Connection


def count_jobs(device: str, jobs: JobCount) -> int:
    """Jobs side by side: as asked, else one per GPU, else one."""
    if isinstance(jobs, int) and jobs >= 0:
        return jobs
    if jobs not in (None, "auto"):
        raise UsageError(f"--jobs: expected at least 0, or auto, got {jobs}.")
    return max(1, torch.cuda.device_count()) if device in ("auto", "cuda") else 1


def _done_here(job: Job, device: str) -> AlcsegError | None:
    """Compute a job in this process."""
    try:
        job.work(device)
    except AlcsegError as error:
        return error
    return None


def _slots(device: str, jobs: int) -> list[tuple[str, str | None]]:
    """Device and visible GPU of each of the processes side by side."""
    count = torch.cuda.device_count() if device in ("auto", "cuda") else 0
    if count < 2:
        return [(device, None)] * jobs
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = visible.split(",") if visible else [str(index) for index in range(count)]
    return [("cuda", names[number % count]) for number in range(jobs)]


def threads_of_each(jobs: int) -> int:
    """Threads of each of the processes side by side."""
    return max(1, usable_cores() // jobs)


def _start(job: Job, device: str, gpu: str | None, jobs: int, threads: int | None) -> _Running:
    """Start a process; it ignores Ctrl-C, which reaches this one too, and is told to stop by a SIGTERM."""
    # Bars of several processes would write over each other.
    level = logging.getLogger("alcseg").getEffectiveLevel() if jobs == 1 else logging.WARNING
    beside = jobs if jobs > 1 and progress_wanted() else None
    logger.info("%s: started", job.name)
    context = multiprocessing.get_context("spawn")
    told, tells = context.Pipe(duplex=False)
    process = context.Process(
        target=_work_alone,
        args=(job, device, gpu, threads or threads_of_each(jobs), level, beside, tells),
        name=job.name,
    )
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited by the process
    try:
        process.start()
    finally:
        signal.signal(signal.SIGINT, handler)
        tells.close()
    return _Running(process, job, told)


def _work_alone(
    job: Job, device: str, gpu: str | None, threads: int, level: int, beside: int | None, tells: Connection
) -> None:
    """The process of one job; `beside` as many, each says how far it is, if that is wanted."""
    signal.signal(signal.SIGTERM, interrupt)
    threading.Thread(target=_follow_parent, daemon=True).start()
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    torch.set_num_threads(threads)
    log_to_stderr(level)
    if beside is not None:
        progress_beside(beside, job.name)
    try:
        job.work(device)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except AlcsegError as error:
        tells.send(error)
        sys.exit(error.exit_code)


def _follow_parent() -> None:
    """Stop when the process that started this one is gone, however it ended."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _why_failed(job: Job, code: int | None, told: Connection) -> AlcsegError | None:
    """The error of a process that has ended; None if it did what it should."""
    if code == 0:
        return None
    if code == _INTERRUPTED:
        raise KeyboardInterrupt(f"{job.name} was asked to stop")
    if told.poll():
        try:
            error: AlcsegError = told.recv()
            return error
        except EOFError:  # closed without a word
            pass
    killed = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    hint = " Out of memory, most likely; see the system's log." if code == -signal.SIGKILL else ""
    return ResourceError(f"the process of {job.name} ended with {killed}.{hint}")
