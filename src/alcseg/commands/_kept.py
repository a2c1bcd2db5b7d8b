"""What is derived from the source alone, kept beside the compiled modules until a source changes."""

import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

import alcseg
from alcseg.errors import AlcsegError
from alcseg.files import write_text

__all__ = ["kept"]

T = TypeVar("T")


def kept(name: str, kind: type[T], make: Callable[[], T]) -> T:
    """What `make` gives, without calling it again while the package is as it was.

    Like compiled modules it lies in `__pycache__`, and where nothing can be written there it is made each
    time.

    Args:
        name: Of the file.
        kind: A dataclass of plain values.
        make: Derives it from the package.
    """
    path = Path(cache_from_source(alcseg.__file__)).parent / f"{name}.json"
    adapter: TypeAdapter[Any] = TypeAdapter(tuple[str, kind])  # type: ignore[valid-type]
    state = _state_of_package()
    try:
        made_from, found = adapter.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        made_from, found = "", None
    if made_from == state:
        return found  # type: ignore[no-any-return]
    found = make()
    text = adapter.dump_json((state, found)).decode()
    if not sys.dont_write_bytecode and adapter.validate_json(text) == (state, found):
        with suppress(AlcsegError, OSError):  # such as a package that somebody else has installed
            write_text(path, text)
    return found


def _state_of_package() -> str:
    """Changes with any file of the package."""
    root = Path(alcseg.__file__).parent
    files = sorted(path for ending in ("py", "json", "yaml") for path in root.rglob(f"*.{ending}"))
    stats = [(path, path.stat()) for path in files if path.parent.name != "__pycache__"]
    lines = [f"{path.relative_to(root)} {stat.st_size} {stat.st_mtime_ns}" for path, stat in stats]
    return hashlib.sha256("\n".join([alcseg.__version__, *lines]).encode()).hexdigest()
