"""Names of files and folders that are being written, and what becomes of those whose process is gone.

`.partial-<machine>-<process>-...` is not whole yet; `.replaced-<machine>-<process>-...` holds what another
folder takes the place of.
"""

import hashlib
import logging
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

__all__ = ["leftovers", "lock_beside", "own", "remove", "remove_leftovers", "unfinished_prefix"]

Kind = Literal["partial", "replaced"]

logger = logging.getLogger(__name__)


def _machine() -> str:
    """Stands for this machine; a container that shares its name and counts its own processes is another."""
    try:
        counted = os.readlink("/proc/self/ns/pid")
    except OSError:  # no Linux
        counted = ""
    return hashlib.sha256(f"{platform.node()} {counted}".encode()).hexdigest()[:8]


_HOST = _machine()
_OWN: set[str] = set()  # names, since a folder has several paths
_LOOKED_THROUGH: set[Path] = set()


def unfinished_prefix(kind: Kind = "partial") -> str:
    """Of the names of what this process has not finished."""
    return f".{kind}-{_HOST}-{os.getpid()}-"


@contextmanager
def own(path: Path) -> Iterator[None]:
    """Mark what this process is at: a process that is gone may have had the same number."""
    _OWN.add(path.name)
    try:
        yield
    finally:
        _OWN.discard(path.name)


def leftovers(folder: Path, kind: Kind = "partial") -> list[Path]:
    """What processes of this machine that are gone have not finished in a folder."""
    named = re.compile(rf"\.{kind}-{_HOST}-(\d+)-")
    try:
        found = [(folder / name, named.match(name)) for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # nothing was written there
        return []
    return [path for path, match in found if match and path.name not in _OWN and not _lives(int(match[1]))]


def remove_leftovers(folder: Path, *, again: bool = False) -> None:
    """Remove what processes that are gone have not finished writing into a folder.

    Args:
        folder: Looked through once by a process, since it may hold many files.
        again: Look once more.
    """
    if folder in _LOOKED_THROUGH and not again:
        return
    _LOOKED_THROUGH.add(folder)
    for path in leftovers(folder):
        logger.info("removing what an interrupted call has left: %s", path)
        remove(path)
        lock_beside(path.name, path.parent).unlink(missing_ok=True)  # of the process that is gone


def lock_beside(name: str, parent: Path) -> Path:
    """The file by which a process keeps others from a folder of that name."""
    return parent / f".{name}.lock"


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there; a link goes, what it leads to stays."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    taken = path.with_name(f"{unfinished_prefix()}{secrets.token_hex(8)}")
    with own(taken):
        try:
            os.rename(path, taken)  # by one process only, whoever else wants to remove it
        except FileNotFoundError:
            return
        try:
            shutil.rmtree(taken)
        except KeyboardInterrupt:  # nothing half removed stays
            shutil.rmtree(taken, ignore_errors=True)
            raise


def _lives(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
