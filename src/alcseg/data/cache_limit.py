"""What the cache of preprocessed cases takes on disk, and how it is kept below a limit.

A cache has a folder per plan. A training holds a lock on the folder that it reads, which ends with its
process, however that ends; only folders that nobody holds are ever removed, those that were used longest ago
first. What was removed is made anew by the training that needs it. Several processes may remove, make and
count at once, so that any folder and file may go between two looks at it.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from alcseg.files import make_folder

if sys.platform != "win32":
    import fcntl

__all__ = ["CACHE", "CachedPlan", "cached_plans", "in_use", "prune"]


CACHE = ".alcseg-cache"
"""Name of a cache beside run folders."""


@dataclass(frozen=True)
class CachedPlan:
    """A folder of a cache.

    Attributes:
        path: The folder.
        size: Of its files, bytes.
        last_used: When a training last took it up, seconds since 1970.
    """

    path: Path
    size: int
    last_used: float


def cached_plans(root: Path) -> list[CachedPlan]:
    """The folders of a cache, those first that were used longest ago; none where there is no cache."""
    found = []
    for folder in root.iterdir() if root.is_dir() else ():
        with suppress(FileNotFoundError):
            if _is_plan(folder):
                found.append(CachedPlan(folder, _size(folder), folder.stat().st_mtime))
    return sorted(found, key=lambda plan: plan.last_used)


def prune(root: Path, keep_bytes: float) -> list[CachedPlan]:
    """Remove folders that nobody uses until the cache takes at most so much, and say which.

    Args:
        root: Folder of the cache; nothing else in it is touched.
        keep_bytes: Size that may stay.
    """
    plans = cached_plans(root)
    size = sum(plan.size for plan in plans)
    removed = []
    for plan in plans:
        if size <= keep_bytes:
            break
        with _free(plan.path) as free:
            if free:
                shutil.rmtree(plan.path)
                removed.append(plan)
        if not plan.path.exists():
            size -= plan.size
    return removed


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keep a folder of a cache from being removed, and note that it was used now; it is made if need be.

    Raises:
        ResourceError: If it cannot be made.
    """
    handle = _hold(folder)
    try:
        os.utime(folder)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _hold(folder: Path) -> int | None:
    """Share a lock on a folder, made anew if it is removed just now; None where there are no such locks."""
    while True:
        make_folder(folder)
        if sys.platform == "win32":  # its open files cannot be removed anyway
            return None
        try:
            handle = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        with suppress(OSError):  # a disk without locks
            fcntl.flock(handle, fcntl.LOCK_SH)  # waits for one who removes it
        if _leads_to(folder, handle):
            return handle
        os.close(handle)


@contextmanager
def _free(folder: Path) -> Iterator[bool]:
    """Whether nobody uses a folder, nor takes it up in the block."""
    if sys.platform == "win32":
        yield True
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # held by others, or a disk without locks
            yield False
        else:
            yield _leads_to(folder, handle)
    finally:
        os.close(handle)


def _leads_to(folder: Path, handle: int) -> bool:
    """Whether a folder is still the one that was opened, not removed and made anew since."""
    try:
        return os.path.samestat(os.stat(folder), os.fstat(handle))
    except FileNotFoundError:
        return False


def _size(folder: Path) -> int:
    """Bytes of its files."""
    size = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


def _is_plan(folder: Path) -> bool:
    """Whether a folder is named as those of the cache are: by a hash."""
    return folder.is_dir() and len(folder.name) == 16 and not set(folder.name) - set("0123456789abcdef")
