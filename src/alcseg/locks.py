"""One process at a time on an output folder."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from alcseg.errors import ResourceError, UsageError

__all__ = ["alone"]

_AFTERMATH_S = 10.0  # readers of patches outlive a killed process by some seconds, and hold what it held


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from a folder; within this process the block may be entered again.

    The lock is `.<name>.lock` beside the folder, which may not be there yet. The system gives it back however
    the process ends; a file that is left says nothing.

    Raises:
        UsageError: If another process is at it, with its number and host.
        ResourceError: If the lock cannot be made, or the disk knows none.
    """
    folder = folder.absolute()
    path = folder.parent / f".{folder.name}.lock"
    lock = FileLock(path, is_singleton=True)
    outermost = not lock.is_locked
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_AFTERMATH_S if _is_dead(_holder(path)) else 0)
    except Timeout:
        pid, host = _holder(path)
        raise UsageError(
            f"{folder}: another alcseg is at it, process {pid or 'unknown'} on host {host or 'unknown'}. "
            "Wait until it has ended, stop it, or give another folder."
        ) from None
    except OSError as error:
        raise ResourceError(
            f"{path}: expected a file that can be written and locked, found '{error.strerror}'. "
            "Choose a folder on another disk, or one that you may write to."
        ) from error
    try:
        if outermost:
            _sign(path)
        yield
    finally:
        if outermost and os.name != "nt":  # where a file that is open cannot be removed
            path.unlink(missing_ok=True)
        lock.release()


def _sign(path: Path) -> None:
    if os.name != "nt":  # where nobody could read what is locked
        path.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")


def _holder(path: Path) -> tuple[int, str]:
    """Process and host that signed a lock; 0 and nothing where it is not signed."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return int(said["pid"]), str(said["host"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, ""


def _is_dead(holder: tuple[int, str]) -> bool:
    """Whether it was a process of this host that is no more."""
    pid, host = holder
    if not pid or host != socket.gethostname() or os.name == "nt":
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's, so it lives
        return False
    return False
