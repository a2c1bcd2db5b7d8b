"""Output folders: refused where they hold something else, made whole beside their place, then exchanged.

While a verb works, what the folder held stays as it was. What appears in it meanwhile is not the verb's, and
is never removed.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from alcseg.errors import UsageError
from alcseg.files import flush, make_folder, making, naming, umask
from alcseg.unfinished import leftovers, own, remove, remove_leftovers, unfinished_prefix

__all__ = ["output_folder", "real_path", "remove_output", "require_apart", "require_free"]

_KINDS = {
    "dataset.json": "a dataset",
    "run.json": "a run",
    "plan.yaml": "a benchmark",
    "audit.json": "an audit",
    "predict.json": "predictions",
    "summary.json": "an evaluation",
    "archive.json": "an archive",
    "demo.json": "a demo",
    "report.html": "a report",
}
"""File by which a folder is known, and what it is: never replaced by something else."""

Listing: TypeAlias = dict[Path, tuple[int, int, int]]
"""Files below a folder by relative path; their numbers change when they are written anew."""


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
        UsageError: If the folder holds something and `overwrite` is not set, or something of another kind; or
            if a file appeared meanwhile whose name is taken: the result then stands beside the folder.
        ResourceError: If the folder cannot be made, or the disk is full.
    """
    place = real_path(path)
    _finish_exchange(place)
    require_free(path, overwrite=overwrite, writes=writes)
    _refuse_working_place(place)
    make_folder(place.parent)
    remove_leftovers(place.parent, again=True)
    held = _listing(place)
    with making(path):
        partial = Path(tempfile.mkdtemp(prefix=unfinished_prefix(), dir=_room_beside(place)))
    with own(partial):
        try:
            with naming(path, partial):
                yield partial
                partial.chmod(0o777 & ~umask())
                _publish(partial, place, held, keep)
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
        with naming(path):
            empty = not any(place.iterdir())
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


def remove_output(path: Path) -> None:
    """Remove what `--overwrite` replaces, if it is there; a link to it stays.

    Raises:
        UsageError: If the home or the working folder lies in it.
    """
    place = real_path(path)
    _refuse_working_place(place)
    if not os.path.lexists(place):
        return
    with naming(path):
        gone = place.parent / f"{unfinished_prefix()}{_short(place)}"
        os.rename(place, gone)  # at once, so that a kill leaves no half of it
        remove(gone)


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


def _refuse_working_place(path: Path) -> None:
    """An output that holds the home or the working folder is a slip."""
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


def _listing(folder: Path) -> Listing:
    """Files and links below a folder; a file in its place stands under `.`."""
    if not folder.is_dir():
        return {Path(): _state(folder)} if folder.exists() else {}
    found: Listing = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".partial-", ".replaced-"))]
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        for path in (Path(root, name) for name in (*files, *links)):
            found[path.relative_to(folder)] = _state(path)
    return found


def _state(path: Path) -> tuple[int, int, int]:
    about = path.lstat()
    return about.st_ino, about.st_mtime_ns, about.st_size


def _publish(partial: Path, place: Path, held: Listing, keep: Callable[[Path], bool]) -> None:
    """Give a finished folder its place; what the place held at the start goes, all else is taken over."""
    _flush_all(partial)
    new, found = _listing(partial), _listing(place)
    goes = {name for name in held if held[name] == found.get(name) and (name in new or not keep(name))}
    foreign = [name for name in found if name not in goes]
    if taken := [name for name in foreign if _is_taken(name, new, partial)]:
        other = _free_name(partial.parent / place.name)
        os.rename(partial, other)
        raise UsageError(
            f"{place}: expected a folder that only this call writes to, found that '{taken[0]}' appeared in "
            f"it meanwhile. It stays, and what this call has made is {other}."
        )
    for name in foreign:
        _take_over(place / name, partial / name)
    aside = _exchange(partial, place)
    flush(place.parent)
    if aside is not None:
        for name in _listing(aside):
            if name not in found and not _is_taken(name, new, place):
                _take_over(aside / name, place / name)
        remove(aside)


def _is_taken(name: Path, new: Listing, partial: Path) -> bool:
    """Whether a file, or a folder on the way to it, has the name of something new of another kind."""
    return os.path.lexists(partial / name) or any(parent in new for parent in name.parents)


def _free_name(place: Path) -> Path:
    number = 1
    while os.path.lexists(place.with_name(f"{place.name}-{number}")):
        number += 1
    return place.with_name(f"{place.name}-{number}")


def _take_over(source: Path, target: Path) -> None:
    """The same file under another name; the old name stays until all is well."""
    make_folder(target.parent)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a disk without such links
        shutil.copy2(source, target, follow_symlinks=False)


def _flush_all(folder: Path) -> None:
    """Put a whole folder onto the disk; side by side, since the disk then does it in few turns."""
    found = [(Path(root), files) for root, _, files in os.walk(folder)]
    paths = [root / name for root, files in found for name in files]
    new = [path for path in paths if not path.is_symlink() and path.stat().st_nlink == 1]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(flush, [*new, *(root for root, _ in found)]))


def _exchange(partial: Path, place: Path) -> Path | None:
    """Rename the old aside and the new into its place; undone where that fails. Returns where the old is."""
    if partial.parent == place:
        return _exchange_inside(partial, place)
    if not os.path.lexists(place):
        os.rename(partial, place)
        return None
    aside = place.parent / f"{unfinished_prefix('replaced')}{_short(place)}"
    os.rename(place, aside)
    try:
        os.rename(partial, place)
    except BaseException:
        os.rename(aside, place)
        raise
    return aside


def _exchange_inside(partial: Path, place: Path) -> Path:
    """The same for a folder that cannot be renamed, such as a mount point: name by name."""
    aside = place / f"{unfinished_prefix('replaced')}{_short(place)}"
    aside.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for old in [path for path in place.iterdir() if path not in (partial, aside)]:
            os.rename(old, aside / old.name)
            moved.append((aside / old.name, old))
        for new in list(partial.iterdir()):
            os.rename(new, place / new.name)
            moved.append((place / new.name, new))
    except BaseException:
        for now, before in reversed(moved):
            os.rename(now, before)
        aside.rmdir()
        raise
    return aside


def _finish_exchange(place: Path) -> None:
    """What a process that was killed in the middle of an exchange left undone."""
    for aside in leftovers(place.parent, "replaced"):
        if aside.name.endswith(_short(place)):
            if os.path.lexists(place):
                remove(aside)
            else:
                os.rename(aside, place)
    for aside in leftovers(place, "replaced"):
        for old in aside.iterdir():
            if not os.path.lexists(place / old.name):
                os.rename(old, place / old.name)
        remove(aside)


def _short(place: Path) -> str:
    """Stands for the name of a folder, which may be as long as a name can be."""
    return hashlib.sha256(os.fsencode(place.name)).hexdigest()[:8]
