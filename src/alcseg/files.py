"""Writing files so that a reader never meets half of one."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.errors import AlcsegError, DataError, ResourceError
from alcseg.listing import require_content
from alcseg.texts import read_text
from alcseg.unfinished import own, remove_leftovers, unfinished_prefix

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "atomic_path",
    "copy_into",
    "file_hash",
    "flush",
    "is_unfinished",
    "link_or_copy",
    "make_folder",
    "making",
    "naming",
    "read_json",
    "umask",
    "write_array",
    "write_json",
    "write_text",
]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (
    errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EISDIR, errno.ESTALE,
    errno.EBUSY,
)  # fmt: skip


_TRIES = 10  # to make a folder that other processes remove


def make_folder(path: Path, *, named: Path | None = None) -> None:
    """Make a folder and those above it; one that is there stays.

    Args:
        path: The folder.
        named: What to name in an error in its stead.

    Raises:
        ResourceError: If it cannot be made, such as below a file or where nobody may write.
    """
    with making(named or path):
        for left in reversed(range(_TRIES)):
            try:
                path.mkdir(parents=True, exist_ok=True)
                return
            except (FileExistsError, FileNotFoundError):
                if not left or os.path.lexists(path):
                    raise


@contextmanager
def making(path: Path) -> Iterator[None]:
    """Say of a folder that could not be made what one can do about it.

    Raises:
        ResourceError: In place of what the system says.
    """
    try:
        yield
    except OSError as error:
        where = Path(error.filename or path)
        where = where.parent if is_unfinished(where) else where
        raise ResourceError(
            f"{path}: expected a folder that can be made, found '{error.strerror}' at {where}. "
            "Choose another one, or free space on its disk."
        ) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it becomes `path` when the block ends well.

    The temporary name keeps the ending of `path`, since some writers choose the format by it. The bytes are
    on the disk before the name is: a power cut leaves the old file or the new one, never an empty one.

    Raises:
        ResourceError: If the folder cannot be made, or the disk is full or takes nothing; it names `path`.
    """
    make_folder(path.parent)
    remove_leftovers(path.parent)
    partial = path.parent / f"{unfinished_prefix()}{secrets.token_hex(8)}{path.name[-16:]}"
    with own(partial):  # before it is there, lest another thread takes it for a leftover
        with naming(path.parent):
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with naming(path, partial):
                yield partial
                partial.chmod(0o666 & ~umask())
                if is_unfinished(path):  # in a folder that is flushed as a whole
                    os.replace(partial, path)
                else:
                    flush(partial)
                    os.replace(partial, path)
                    flush(path.parent)
        finally:
            partial.unlink(missing_ok=True)


def is_unfinished(path: Path) -> bool:
    """Whether a path is one, or lies in one, that is not finished."""
    return any(part.startswith(".partial-") for part in path.parts)


def flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, onto the disk."""
    if os.name == "nt" and path.is_dir():  # where a folder cannot be opened, names are kept by the system
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def naming(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Say of what cannot be written where it was to go, and what one can do about it.

    Args:
        path: Where.
        partial: What is written in its stead until it is whole.

    Raises:
        ResourceError: In place of what the system says of a disk that is full or takes nothing.
        DataError: If a folder stands where the file is to go.
        AlcsegError: As it arose, with `path` in place of `partial`.
    """
    try:
        yield
    except AlcsegError as error:
        if partial is None or str(partial) not in str(error):
            raise
        raise type(error)(str(error).replace(str(partial), str(path))) from error.__cause__
    except Exception as error:
        number, said = _refusal(error)
        named = [getattr(error, name, None) for name in ("filename2", "filename")]
        paths = [Path(os.fsdecode(name)) for name in named if name is not None]
        below = [name for name in paths if partial is not None and name.is_relative_to(partial)]
        elsewhere = partial is not None and paths and not below
        if number not in _FULL and (number not in _REFUSED or elsewhere):
            raise
        where = path / below[0].relative_to(partial) if below and partial is not None else path
        if number == errno.EISDIR:
            raise DataError(
                f"{where}: expected a file or nothing in its place, found a folder. Take it away."
            ) from error
        raise ResourceError(
            f"{where}: expected a disk with room that may be written to, found '{said}'. "
            "Free some, or choose another folder."
        ) from error


def _refusal(error: Exception) -> tuple[int | None, str]:
    """Number and words with which the system refused a write; not every library hands them on as they are."""
    for one in (error, error.__cause__, error.__context__):  # torch raises an error of its own on top
        if isinstance(one, OSError) and one.errno is not None:
            return one.errno, one.strerror or str(one)
        if found := re.search(r"\(os error (\d+)\)", str(one)):  # safetensors
            return int(found[1]), os.strerror(int(found[1]))
        if found := re.search(r"\d+ requested and \d+ written|iostream error", str(one)):  # numpy, torch
            return errno.ENOSPC, found[0]
    return None, str(error)


def umask() -> int:
    """Permissions that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all; it holds no number that is not finite."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_array(path: Path, array: "NDArray[Any]") -> None:
    """Write `array` as `.npy`, whole or not at all."""
    import numpy as np  # here, since the command line imports this module before anything else

    with atomic_path(path) as partial:
        np.save(partial, array)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: If the file is absent, cannot be opened or is not JSON, which knows no NaN and no infinity,
            or a key comes twice.
    """
    text = read_text(path, "a JSON file")
    try:
        content = json.loads(text, object_pairs_hook=_each_key_once, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:  # also of numbers too long, and of lists too deep
        raise DataError(f"{path}: not valid JSON ({error}). Repair or replace it.") from None
    return content


def _no_number(word: str) -> float:
    raise ValueError(f"{word}, which is no number in JSON")


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"the key {twice!r:.60} twice")
    return content


def link_or_copy(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`: a hard link where the disk allows, else a copy."""
    make_folder(target.parent)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)


def copy_into(path: Path, folder: Path) -> None:
    """Copy a label; not linked: an editor that saves it in place must not reach into the source."""
    make_folder(folder)
    shutil.copyfile(path, folder / path.name)


def lines_hash(lines: Iterable[str]) -> str:
    """SHA-256 of several texts, 16 hexadecimal digits; none of them may hold a line break."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes of a file, 16 hexadecimal digits.

    Raises:
        DataError: If it cannot be opened, or is a pipe or device, which never ends.
    """
    require_content(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
