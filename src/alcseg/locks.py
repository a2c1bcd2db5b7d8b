"""One process at a time on an output folder."""

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from alcseg.errors import ResourceError, UsageError
from alcseg.files import make_folder
from alcseg.unfinished import lock_beside, unfinished_prefix

__all__ = ["LOCK_INSIDE", "alone"]

LOCK_INSIDE = ".alcseg.lock"
"""Name of the lock in a folder that stands where nothing can be made beside it, such as a mounted one."""
_LONG_NAME = 240  # bytes; a name of 255 leaves no room for the signs around it
_TRIES, _MOMENT_S = 3, 0.5
_AFTERMATH_S = 10.0  # readers of patches outlive a killed process by some seconds, and hold what it held


@contextmanager
def alone(folder: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Keep other processes from a folder; within this process the block may be entered again.

    The lock is `.<name>.lock` beside the folder, which may not be there yet and may be a link. The system
    gives it back however the process ends; a file that is left says nothing.

    Args:
        folder: The folder.
        wait_s: How long to wait for another process, in seconds.

    Raises:
        UsageError: If another process is at it, with its number and host.
        ResourceError: If the lock cannot be made, or the disk knows none.
    """
    path = _lock_path(Path(os.path.realpath(folder)))
    make_folder(path.parent, named=folder)
    lock = FileLock(path, is_singleton=True)
    outermost = not lock.is_locked
    try:
        _acquire(lock, path, folder, wait_s)
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


def _acquire(lock: BaseFileLock, path: Path, folder: Path, wait_s: float) -> None:
    """Take a lock, with some patience where whoever holds it is about to begin or to end."""
    for left in reversed(range(_TRIES)):
        try:
            lock.acquire(timeout=max(wait_s, _AFTERMATH_S if _is_dead(_holder(path)) else 0))
            return
        except Timeout:
            pid, host = _holder(path)
            if pid or not left:
                break
            wait_s = max(wait_s, _MOMENT_S)
        except FileNotFoundError:  # the last of several parts takes away the folder that held their locks
            if not left:
                raise
            make_folder(path.parent, named=folder)
    if not (path.exists() or _takes_files(path.parent)):
        raise ResourceError(
            f"{folder}: expected a folder where files can be made, found that {path.parent} takes none. "
            "Choose another one."
        )
    raise UsageError(
        f"{folder}: another alcseg is at it, process {pid or 'unknown'} on host {host or 'unknown'}. "
        "Wait until it has ended, stop it, or give another folder."
    )


def _takes_files(folder: Path) -> bool:
    probe = folder / f"{unfinished_prefix()}{secrets.token_hex(8)}"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError:
        return False
    probe.unlink(missing_ok=True)
    return True


def _lock_path(place: Path) -> Path:
    """Beside a folder, or in it where only that may be written to."""
    if place.is_dir() and not os.access(place.parent, os.W_OK):
        return place / LOCK_INSIDE
    name = place.name
    if len(os.fsencode(name)) > _LONG_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return lock_beside(name, place.parent)


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
