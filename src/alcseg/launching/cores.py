"""How trainings share the cores of this machine.

Threads of one training wait for one another in every layer, so one training on all cores gets less done than
several side by side with a share of the cores each (`benchmarks/shared_cores.py`). So there is one per core,
unless there are fewer of them or memory does not hold so many.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch

from alcseg.errors import AlcsegError
from alcseg.listing import has_file
from alcseg.machine import free_memory_gib, usable_cores
from alcseg.run import Run

__all__ = ["Share", "begun_threads", "cores_are_shared", "share_cores", "with_threads"]

_PROCESS_GIB = 0.75  # of a training before its first step: libraries and data


@dataclass(frozen=True)
class Share:
    """What trainings get.

    Attributes:
        jobs: Trainings side by side.
        threads: Of each.
    """

    jobs: int
    threads: int

    def __str__(self) -> str:
        return f"{self.jobs} side by side, {self.threads} thread{'s' * (self.threads > 1)} each"


def cores_are_shared(launcher: str, device: str, jobs: int | str | None) -> bool:
    """Whether trainings share out the cores: nobody said how many at once, and they run here, on no GPU."""
    return jobs == "auto" and launcher == "local" and (device == "cpu" or not torch.cuda.is_available())


def share_cores(count: int, gib: float, threads: int | None = None) -> Share:
    """Share the cores out.

    Args:
        count: Trainings that are left.
        gib: Memory that the largest of them needs beside what a process takes anyway, GiB.
        threads: Of each, where some were begun with so many; None: its share.
    """
    cores, free = usable_cores(), free_memory_gib()
    jobs = min(count, cores // threads if threads else cores)
    if free is not None:
        jobs = min(jobs, int(free / (_PROCESS_GIB + gib)))
    jobs = max(jobs, 1)
    return Share(jobs, threads or max(1, cores // jobs))


def begun_threads(runs: Iterable[Run]) -> int | None:
    """Threads that most of some runs on this processor were begun with; None where none was begun.

    Results depend on the number in their last digits. So what was begun goes on with it, and what is compared
    with it has as many.
    """
    found: Counter[int] = Counter()
    for run in runs:
        with suppress(AlcsegError):  # of a damaged record; who trains the run says what is wrong
            if has_file(run.record_path) and run.record.device == "cpu" and run.record.threads is not None:
                found[run.record.threads] += 1
    return found.most_common(1)[0][0] if found else None


@contextmanager
def with_threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
