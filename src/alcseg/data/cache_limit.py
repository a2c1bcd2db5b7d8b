"""What the cache of preprocessed cases takes on disk, and how it is kept below a limit.

A cache has a folder per plan. A training holds a lock on the folder that it reads, which ends with its
process, however that ends; only folders that nobody holds are ever removed, those that were used longest ago
first. What was removed is made anew by the training that needs it.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

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
    found = [
        CachedPlan(folder, _size(folder), folder.stat().st_mtime)
        for folder in (root.iterdir() if root.is_dir() else ())
        if _is_plan(folder)
    ]
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
        with _locked(plan.path, exclusive=True) as free:
            if free:
                shutil.rmtree(plan.path)
                size -= plan.size
                removed.append(plan)
    return removed


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Keep a folder of a cache from being removed, and note that it was used now."""
    with _locked(folder, exclusive=False):
        os.utime(folder)
        yield


@contextmanager
def _locked(folder: Path, *, exclusive: bool) -> Iterator[bool]:
    """Hold a lock on a folder, and tell whether it was to be had; one that is not exclusive is shared."""
    if sys.platform == "win32":  # knows no such locks; its open files cannot be removed anyway
        yield True
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:  # held by others, or a disk without locks
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def _size(folder: Path) -> int:
    """Bytes of its files; another training may write some of them, which go while they are counted."""
    size = 0
    for file in folder.iterdir():
        with suppress(FileNotFoundError):
            size += file.stat().st_size
    return size


def _is_plan(folder: Path) -> bool:
    """Whether a folder is named as those of the cache are: by a hash."""
    return folder.is_dir() and len(folder.name) == 16 and not set(folder.name) - set("0123456789abcdef")
