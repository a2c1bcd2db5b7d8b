"""Writing files so that a reader never meets half of one."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.errors import DataError, ResourceError, UsageError
from alcseg.texts import read_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "atomic_path",
    "copy_into",
    "file_hash",
    "link_or_copy",
    "make_folder",
    "output_folder",
    "read_json",
    "remove_output",
    "require_apart",
    "require_free",
    "write_array",
    "write_json",
    "write_text",
]


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


def make_folder(path: Path) -> None:
    """Make a folder and those above it; one that is there stays.

    Raises:
        ResourceError: If it cannot be made, such as below a file or where nobody may write.
    """
    with _explained(path):
        path.mkdir(parents=True, exist_ok=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say of a folder that could not be made what one can do about it."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise ResourceError(
            f"{path}: expected a folder that can be made, found '{error.strerror}' at {where}. "
            "Choose another one, or free space on its disk."
        ) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; it becomes `path` when the block ends well.

    The temporary name keeps the ending of `path`, since some writers choose the format by it.

    Raises:
        ResourceError: If the folder is not there and cannot be made.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=".partial-", suffix="-" + path.name, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        mask = os.umask(0)
        os.umask(mask)
        partial.chmod(0o666 & ~mask)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_array(path: Path, array: "NDArray[Any]") -> None:
    """Write `array` as `.npy`, whole or not at all."""
    import numpy as np  # here, since the command line imports this module before anything else

    with atomic_path(path) as partial:
        np.save(partial, array)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: If the file is absent, cannot be opened or is not JSON, or a key comes twice.
    """
    text = read_text(path, "a JSON file")
    try:
        content = json.loads(text, object_pairs_hook=_each_key_once)
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:  # also of numbers too long, and of lists too deep
        raise DataError(f"{path}: not valid JSON ({error}). Repair or replace it.") from None
    return content


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
        raise ValueError(f"the key {twice!r:.60} twice")
    return content


@contextmanager
def output_folder(path: Path, *, overwrite: bool = False, writes: str | None = None) -> Iterator[Path]:
    """Yield an empty folder beside `path` that takes its name when the block ends well.

    Args:
        path: The folder to make; it may exist if it is empty.
        overwrite: Replace what a non-empty folder holds.
        writes: The file by which such an output is known; see `require_free`.

    Raises:
        UsageError: If the folder holds something and `overwrite` is not set, or something of another kind.
        ResourceError: If the folder cannot be made.
    """
    path = path.absolute()
    require_free(path, overwrite=overwrite, writes=writes)
    _refuse_working_place(path)
    make_folder(path.parent)
    with _explained(path):
        partial = Path(tempfile.mkdtemp(prefix=f".partial-{path.name}-", dir=path.parent))
    try:
        yield partial
        partial.chmod(0o755)
        remove_output(path)
        os.replace(partial, path)
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
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return
    if not overwrite:
        raise UsageError(
            f"{path}: expected an empty or new output folder, found files in it. "
            "Choose another folder or pass --overwrite."
        )
    if writes is not None and (path / writes).is_file():
        return
    for known_by, what in _KINDS.items():
        if (path / known_by).is_file():
            raise UsageError(
                f"{path}: expected an output of the same kind to overwrite, found {what} ({known_by}). "
                "Choose another folder, or remove this one yourself."
            )


def remove_output(path: Path) -> None:
    """Remove what `--overwrite` replaces, if it is there.

    Raises:
        UsageError: If the home or the working folder lies in it.
    """
    _refuse_working_place(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_apart(out: Path, *inputs: Path) -> None:
    """Refuse an output that is an input, lies in one or holds one.

    Raises:
        UsageError: Naming the input.
    """
    new = out.resolve()
    for given in inputs:
        old = given.resolve()
        if new == old or old in new.parents or new in old.parents:
            raise UsageError(
                f"{out}: expected an output folder outside of the source {given} and not around it. "
                "Choose another one."
            )


def _refuse_working_place(path: Path) -> None:
    """An output that holds the home or the working folder is a slip."""
    kept = [place for place in (Path.home(), Path.cwd()) if place.is_relative_to(path.absolute())]
    if kept:
        raise UsageError(
            f"{path}: expected an output folder to overwrite, found one that holds {kept[0]}. "
            "Give a folder of its own."
        )


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


def file_hash(path: Path) -> str:
    """SHA-256 of the bytes of a file, 16 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
