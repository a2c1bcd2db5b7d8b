"""`alcseg cache`: what preprocessed cases take on disk, and removing what no training uses."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alcseg.data.cache_limit import CACHE, cached_plans
from alcseg.data.cache_limit import prune as prune_plans
from alcseg.errors import DataError, UsageError

__all__ = ["CacheReport", "cache"]


@dataclass(frozen=True)
class CacheReport:
    """What a cache holds.

    Attributes:
        cache: The folder.
        size_gib: Of all that is in it now.
        plans: Folder of each plan, with its size and the time of its last use, the oldest first.
        removed: Folders that were removed by this call.
        removed_gib: What they took.
    """

    cache: Path
    size_gib: float
    plans: dict[str, str]
    removed: tuple[str, ...]
    removed_gib: float

    def __fspath__(self) -> str:
        return str(self.cache)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return vars(self)


def cache(folder: str | os.PathLike[str] = ".", *, prune: bool = False, keep_gib: float = 0.0) -> CacheReport:
    """Tell what a cache of preprocessed cases takes, and remove of it what no training uses.

    What was removed is made anew by the training that needs it.

    Args:
        folder: The cache, or the folder of runs that it lies in.
        prune: Remove what is not in use, what was used longest ago first.
        keep_gib: With `prune`, the size in GiB that may stay.

    Raises:
        UsageError: If `keep_gib` is negative or given without `prune`.
        DataError: If there is no cache.
    """
    if keep_gib and not prune:
        raise UsageError("--keep-gib: expected with --prune. Add that, or leave it out.")
    if not keep_gib >= 0:
        raise UsageError(f"--keep-gib: expected 0 or more, got {keep_gib}.")
    beside = Path(folder) / CACHE
    root = beside if beside.is_dir() else Path(folder)
    if not root.is_dir() or (root.name != CACHE and not cached_plans(root)):
        raise DataError(
            f"{folder}: expected a cache of `alcseg train` or the folder of runs beside it, found neither. "
            f"Name the folder {CACHE} or that of data.cache."
        )
    removed = prune_plans(root, keep_gib * 2**30) if prune else []
    left = cached_plans(root)
    return CacheReport(
        cache=root,
        size_gib=_gib(sum(plan.size for plan in left)),
        plans={
            plan.path.name: f"{_gib(plan.size):g} GiB, last used "
            + datetime.fromtimestamp(plan.last_used, UTC).isoformat(timespec="seconds")
            for plan in left
        },
        removed=tuple(plan.path.name for plan in removed),
        removed_gib=_gib(sum(plan.size for plan in removed)),
    )


def _gib(size: int) -> float:
    return round(size / 2**30, 3)
