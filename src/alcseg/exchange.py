"""A finished folder takes the place of an old one at once; what appeared in the old one meanwhile is kept."""

import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from alcseg.errors import UsageError
from alcseg.files import flush, make_folder
from alcseg.locks import LOCK_INSIDE
from alcseg.unfinished import leftovers, remove, unfinished_prefix

__all__ = ["Listing", "finish_exchange", "listing", "publish", "short", "take_over"]

Listing: TypeAlias = dict[Path, tuple[int, int, int]]
"""Files below a folder by relative path; their numbers change when they are written anew."""


def listing(folder: Path) -> Listing:
    """Files and links below a folder, but for those that go meanwhile; a file in its place stands as `.`."""
    if not folder.is_dir():
        return {Path(): _state(folder)} if folder.exists() else {}
    found: Listing = {}
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".partial-", ".replaced-"))]
        links = [name for name in folders if os.path.islink(os.path.join(root, name))]
        for path in (Path(root, name) for name in (*files, *links) if name != LOCK_INSIDE):
            with suppress(FileNotFoundError):
                found[path.relative_to(folder)] = _state(path)
    return found


def _state(path: Path) -> tuple[int, int, int]:
    about = path.lstat()
    return about.st_ino, about.st_mtime_ns, about.st_size


def publish(partial: Path, place: Path, held: Listing, keep: Callable[[Path], bool]) -> None:
    """Give a finished folder its place; what the place held at the start goes, all else is taken over."""
    _flush_all(partial)
    new, found = listing(partial), listing(place)
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
        take_over(place / name, partial / name)
    aside = _exchange(partial, place)
    flush(place.parent)
    if aside is not None:
        for name in listing(aside):
            if name not in found and not _is_taken(name, new, place):
                take_over(aside / name, place / name)
        remove(aside)


def _is_taken(name: Path, new: Listing, partial: Path) -> bool:
    """Whether a file, or a folder on the way to it, has the name of something new of another kind."""
    return os.path.lexists(partial / name) or any(parent in new for parent in name.parents)


def _free_name(place: Path) -> Path:
    number = 1
    while os.path.lexists(place.with_name(f"{place.name}-{number}")):
        number += 1
    return place.with_name(f"{place.name}-{number}")


def take_over(source: Path, target: Path) -> None:
    """The same file under another name, if it is still there; the old name stays until all is well."""
    make_folder(target.parent)
    try:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:  # a disk without such links
            shutil.copy2(source, target, follow_symlinks=False)
    except FileNotFoundError:
        if os.path.lexists(source):
            raise


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
    aside = place.parent / f"{unfinished_prefix('replaced')}{short(place)}"
    os.rename(place, aside)
    try:
        os.rename(partial, place)
    except BaseException:
        os.rename(aside, place)
        raise
    return aside


def _exchange_inside(partial: Path, place: Path) -> Path:
    """The same for a folder that cannot be renamed, such as a mount point: name by name."""
    aside = place / f"{unfinished_prefix('replaced')}{short(place)}"
    aside.mkdir()
    moved: list[tuple[Path, Path]] = []
    try:
        for old in [path for path in place.iterdir() if path not in (partial, aside, place / LOCK_INSIDE)]:
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


def finish_exchange(place: Path) -> None:
    """What a process that was killed in the middle of an exchange left undone."""
    for aside in leftovers(place.parent, "replaced"):
        if aside.name.endswith(short(place)):
            if os.path.lexists(place):
                remove(aside)
            else:
                os.rename(aside, place)
    for aside in leftovers(place, "replaced"):
        for old in aside.iterdir():
            if not os.path.lexists(place / old.name):
                os.rename(old, place / old.name)
        remove(aside)


def short(place: Path) -> str:
    """Stands for the name of a folder, which may be as long as a name can be."""
    return hashlib.sha256(os.fsencode(place.name)).hexdigest()[:8]
