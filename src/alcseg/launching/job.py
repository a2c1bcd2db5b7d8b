"""What is launched, what launches it, and what both kinds of processes have in common."""

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Literal, Protocol, TypeAlias, get_args

from alcseg.errors import AlcsegError

__all__ = [
    "LAUNCHERS",
    "Ended",
    "Job",
    "JobCount",
    "Launcher",
    "LauncherName",
    "interrupt",
    "log_to_stderr",
    "terminated_as_interrupted",
]

LauncherName: TypeAlias = Literal["local", "slurm"]
JobCount: TypeAlias = int | str | None
"""Jobs at once: so many, `auto` for as many as pay, or None for what a launcher does by itself."""

LAUNCHERS: tuple[LauncherName, ...] = get_args(LauncherName)


@dataclass(frozen=True)
class Job:
    """Something to compute; called again after it was stopped, it goes on.

    Attributes:
        name: For messages.
        work: Called with the device, mostly in another process, so it can be pickled; what it finds it
            leaves on disk.
    """

    name: str
    work: Callable[[str], object]


Ended: TypeAlias = Callable[[Job, AlcsegError | None], None]
"""Told of every job that has ended, and why it failed."""


class Launcher(Protocol):
    """Has jobs computed."""

    def launch(self, jobs: Sequence[Job], ended: Ended) -> None:
        """Have all jobs computed, and wait for them; one that fails does not stop the others.

        Args:
            jobs: The jobs.
            ended: Called at the end of each.

        Raises:
            KeyboardInterrupt: After all jobs have saved where they are.
        """


def interrupt(number: int, frame: FrameType | None) -> None:
    """A handler of signals: as Ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """A SIGTERM inside the block is a Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():  # only that one can
        yield
        return
    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def log_to_stderr(level: int) -> None:
    """Tell what the package logs in a process that no command line has set up."""
    package = logging.getLogger("alcseg")
    package.setLevel(level)
    package.handlers = [logging.StreamHandler()]
    package.propagate = False
