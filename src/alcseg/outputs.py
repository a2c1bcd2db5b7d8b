"""Output folders: refused where they hold something else, made whole beside their place, then exchanged.

While a verb works, what the folder held stays as it was. What appears in it meanwhile is not the verb's, and
is never removed.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from alcseg.errors import UsageError
from alcseg.exchange import finish_exchange, listing, publish
from alcseg.files import make_folder, making, naming, umask
from alcseg.locks import LOCK_INSIDE, alone
from alcseg.unfinished import own, remove_leftovers, unfinished_prefix

__all__ = ["output_folder", "real_path", "refuse_working_place", "require_apart", "require_free"]

_KINDS = {
    "dataset.json": "a dataset",
    "run.json": "a run",
    "plan.yaml": "a benchmark",
    "audit.json": "an audit",
    "predict.json": "predictions",
    "summary.json": "an evaluation",
    "archive.json": "an archive",
    "demo.json": "a demo",
    "raters.csv": "a comparison of readers",
    "report.html": "a report",
    "alcseg.json": "a bundle",
}
"""File by which a folder is known, and what it is: never replaced by something else."""


@contextmanager
def output_folder(
    path: Path,
    *,
    overwrite: bool = False,
    writes: str | None = None,
    keep: Callable[[Path], bool] = lambda name: False,
) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its place when the block ends well.

    A link is followed, and stays. Files that appear in the folder meanwhile are taken over.

    Args:
        path: The folder to make; it may exist if it is empty.
        overwrite: Replace what a non-empty folder holds.
        writes: The file by which such an output is known; see `require_free`.
        keep: Whether a file that the folder holds, by its relative path, is taken over nevertheless.

    Raises:
        UsageError: If the folder holds something and `overwrite` is not set, or something of another kind; if
            another process is at it; or if a file appeared meanwhile whose name is taken: the result then
            stands beside the folder.
        ResourceError: If the folder cannot be made, or the disk is full.
    """
    place = real_path(path)
    require_free(path, overwrite=overwrite, writes=writes)  # nothing is made for what is refused
    refuse_working_place(place)
    with alone(path):
        finish_exchange(place)
        require_free(path, overwrite=overwrite, writes=writes)  # as it is now that nobody else writes into it
        remove_leftovers(place.parent, again=True)
        held = listing(place)
        make_folder(place.parent, named=path)
        partial = _room_beside(place) / f"{unfinished_prefix()}{secrets.token_hex(8)}"
        with own(partial):  # before it is there, lest another thread takes it for a leftover
            with making(path):
                partial.mkdir(0o700)
            try:
                with naming(path, partial):
                    yield partial
                    partial.chmod(0o777 & ~umask())
                    publish(partial, place, held, keep)
            finally:
                shutil.rmtree(partial, ignore_errors=True)


def require_free(path: Path, *, overwrite: bool = False, writes: str | None = None) -> None:
    """Refuse an output folder that holds something, unless that may be replaced.

    Args:
        path: The folder.
        overwrite: Replace what it holds, unless that is a dataset, a run or the like of another kind.
        writes: The file by which what will be written is known, such as `run.json`.

    Raises:
        UsageError: Naming the folder.
        ResourceError: If it cannot be looked into.
    """
    place = real_path(path)
    if place.is_dir():
        remove_leftovers(place, again=True)
        try:
            with naming(path):
                empty = all(held.name == LOCK_INSIDE for held in place.iterdir())
        except FileNotFoundError:  # another process exchanges it just now
            return
        if empty:
            return
    elif not place.exists():
        return
    elif not overwrite:
        raise UsageError(f"{path}: expected an output folder, found a file. Choose another one.")
    if not overwrite:
        raise UsageError(
            f"{path}: expected an empty or new output folder, found files in it. "
            "Choose another folder or pass --overwrite."
        )
    if writes is not None and (place / writes).is_file():
        return
    for known_by, what in _KINDS.items():
        if (place / known_by).is_file():
            raise UsageError(
                f"{path}: expected an output of the same kind to overwrite, found {what} ({known_by}). "
                "Choose another folder, or remove this one yourself."
            )


def require_apart(out: Path, *inputs: Path) -> None:
    """Refuse an output that is an input, lies in one or holds one.

    Raises:
        UsageError: Naming the input.
    """
    new = real_path(out)
    for given in inputs:
        old = real_path(given)
        if new == old or old in new.parents or new in old.parents:
            raise UsageError(
                f"{out}: expected an output folder outside of the source {given} and not around it. "
                "Choose another one."
            )


def real_path(path: Path) -> Path:
    """Where a path leads, whether or not something is there.

    Raises:
        UsageError: If links lead in a circle.
    """
    found = Path(os.path.realpath(path))
    if found.is_symlink():
        raise UsageError(f"{path}: expected a path, found links that lead in a circle. Choose another one.")
    return found


def refuse_working_place(path: Path) -> None:
    """Refuse to replace a folder that holds the home or the working folder: that is a slip.

    Raises:
        UsageError: Naming it.
    """
    kept = [place for place in (Path.home(), Path.cwd()) if real_path(place).is_relative_to(path)]
    if kept:
        raise UsageError(
            f"{path}: expected an output folder to overwrite, found one that holds {kept[0]}. "
            "Give a folder of its own."
        )


def _room_beside(place: Path) -> Path:
    """Where a folder is made that will take a place: inside, where the place itself cannot be renamed."""
    movable = os.access(place.parent, os.W_OK) and not os.path.ismount(place)
    return place.parent if movable or not place.is_dir() else place
