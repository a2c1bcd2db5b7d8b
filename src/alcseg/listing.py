"""What lies in a folder: files are listed, and what cannot be opened is refused, never taken for absent.

Some things stand for a file and hold none: a link that leads nowhere, since its target was moved or a disk is
not mounted; what git-lfs, git-annex, DVC and iCloud leave in place of data that was not fetched; and a folder
`scan.nii.gz` that has the file in it, as some programs unpack archives.
Whatever begins with a dot is hidden and not listed.
"""

import errno
import fnmatch
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from alcseg.errors import DataError

__all__ = [
    "by_name",
    "folders_below",
    "has_file",
    "has_folder",
    "list_files",
    "list_folders",
    "require_beside",
    "require_content",
]

_POINTERS = (
    (
        re.compile(rb"version https://(git-lfs|hawser)\.github\.com/spec/"),
        "git-lfs: fetch it with `git lfs pull`",
    ),
    (
        re.compile(rb"[./][^\n]*annex/objects/"),
        "git-annex: fetch it with `git annex get`, or `datalad get`",
    ),
)
"""How the text begins that stands for a file or a link, and whose it is."""
_STAND_INS = (
    (re.compile(r"(?P<name>.+)\.dvc"), "DVC: fetch it with `dvc pull`"),
    (re.compile(r"\.(?P<name>.+)\.icloud"), "iCloud: download it in the Finder"),
)
"""Names of files that stand beside or in place of others, and whose they are."""
_OF_FILES = {
    *(".ckpt", ".csv", ".gz", ".h5", ".json", ".jsonl", ".list"),
    *(".mha", ".nii", ".nrrd", ".safetensors", ".txt", ".yaml"),
}
"""Endings that name a file; a folder of such a name is in its place."""
_POINTER_BYTES = 1024  # git-lfs keeps its texts below


def list_files(folder: Path, pattern: str = "*", *, below: int = 0) -> list[Path]:
    """Visible files of a folder by name; those of a folder that is absent are none.

    Args:
        folder: The folder.
        pattern: What their names match, such as `*.h5`, in letters of any case.
        below: How many folders further down files are looked for, too.

    Raises:
        DataError: If an entry cannot be opened that may be one of them: a link that leads nowhere, a pointer
            to data that was not fetched, a folder named like a file, or neither file nor folder.
    """
    if not has_folder(folder):
        return []
    found = []
    for path in _visible(folder):
        wanted = _matches(path, pattern)
        if not (wanted or below):
            continue
        if has_folder(path):
            _require_no_file_name(path)
            found += list_files(path, pattern, below=below - 1) if below else []
        elif wanted:
            require_content(path)
            found.append(path)
    return found


def list_folders(folder: Path, pattern: str = "*", *, below: int = 0) -> list[Path]:
    """Visible folders in a folder by name, each before those in it; see `list_files`.

    Raises:
        DataError: If an entry is a link that leads nowhere, or back to a folder that it lies in.
    """
    found = []
    for path in _visible(folder) if has_folder(folder) else []:
        wanted = _matches(path, pattern)
        if (wanted or below) and has_folder(path):
            _require_no_loop(path)
            found += [path] if wanted else []
            found += list_folders(path, pattern, below=below - 1) if below else []
    return found


def folders_below(folder: Path) -> Iterator[Path]:
    """A folder and all visible ones below it, by name, each before those in it; links are followed.

    Raises:
        DataError: If an entry is a link that leads nowhere, or back to a folder that it lies in.
    """
    yield folder
    for path in list_folders(folder):
        yield from folders_below(path)


def has_file(path: Path) -> bool:
    """Whether there is a file of this name, as `Path.is_file`, but for what cannot be opened.

    Raises:
        DataError: If it, or a folder above it, is a link that leads nowhere, or it is a pointer to data that
            was not fetched, a folder named like a file, a pipe or a device.
    """
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        _require_no_file_name(path)
        return False
    require_content(path)
    return bool(mode)


def has_folder(path: Path) -> bool:
    """Whether there is a folder of this name, as `Path.is_dir`, but for what cannot be opened.

    Raises:
        DataError: If it, or a folder above it, is a link that leads nowhere.
    """
    return stat.S_ISDIR(_mode(path))


def require_beside(named: str, path: Path) -> None:
    """Refuse a header that names a file of voxels in another folder.

    Args:
        named: As the header has it.
        path: The file with the header.

    Raises:
        DataError: If it is no plain name.
    """
    if Path(named).name != named or named in ("", ".", ".."):
        raise DataError(
            f"{path}: expected its voxels in it or in a file beside it, found '{named:.60}'. Convert it."
        )


def require_content(path: Path) -> None:
    """Refuse a file that holds none of its data; one that is absent is for others to tell.

    Raises:
        DataError: If it is a link that leads nowhere, a pointer to data that was not fetched, or no regular
            file.
    """
    mode = _mode(path)
    if not mode or stat.S_ISDIR(mode):
        return
    if not stat.S_ISREG(mode):
        raise DataError(f"{path}: expected a file, found a pipe, a device or the like. Take it away.")
    if path.stat().st_size <= _POINTER_BYTES and (whose := _keeper(path.read_bytes())):
        raise DataError(f"{path}: expected data, found the text that stands for it in {whose}.")


def by_name(found: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Files or folders by the case that they are named after.

    Raises:
        DataError: If two of them give one name.
    """
    named: dict[str, Path] = {}
    for name, path in found:
        known = named.setdefault(name, path)
        if known != path:
            raise DataError(
                f"expected each case name once, found '{name}' as {known} and {path}. Rename one of them."
            )
    return named


def _visible(folder: Path) -> list[Path]:
    entries = {path.name for path in folder.iterdir()}
    for name in sorted(entries):
        for stand_in, whose in _STAND_INS:
            if (match := stand_in.fullmatch(name)) and match["name"] not in entries:
                raise DataError(f"{folder / match['name']}: expected a file, found only {name} of {whose}.")
    return [folder / name for name in sorted(entries) if not name.startswith(".")]


def _matches(path: Path, pattern: str) -> bool:
    return fnmatch.fnmatchcase(path.name.lower(), pattern.lower())


def _mode(path: Path) -> int:
    """Kind of what a name leads to; 0 if there is nothing."""
    try:
        return path.stat().st_mode
    except ValueError:  # a null character, which no name has
        return 0
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return 0
        for place in (path, *path.parents):
            if place.is_symlink() and not place.exists():
                raise DataError(_astray(place)) from None
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return 0
        raise


def _astray(link: Path) -> str:
    target = os.readlink(link)
    whose = _keeper(os.fsencode(target))
    remedy = f"Its data is kept by {whose}." if whose else "Restore what it leads to, or take the link away."
    return f"{link}: expected what can be opened, found a link to {target}, where nothing is. {remedy}"


def _keeper(text: bytes) -> str | None:
    """Who keeps the data that a text or the target of a link stands for, and how to fetch it."""
    return next((whose for begin, whose in _POINTERS if begin.match(text)), None)


def _require_no_file_name(folder: Path) -> None:
    if folder.suffix.lower() in _OF_FILES:
        raise DataError(
            f"{folder}: expected a file, found a folder. Move the file out of it, or rename the folder."
        )


def _require_no_loop(path: Path) -> None:
    if path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve()):
        raise DataError(
            f"{path}: expected a folder, found a link back to {path.resolve()}, in which it lies. "
            "Take the link away."
        )
