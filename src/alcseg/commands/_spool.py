"""Objects that wait on disk until their turn comes, so that only one of them is in memory at a time."""

import pickle
import tempfile
from pathlib import Path
from typing import Generic, Self, TypeVar

__all__ = ["Spool"]

Item = TypeVar("Item")


class Spool(Generic[Item]):
    """By name, in a temporary folder that this process alone reads, and that goes at the end of a block.

    Args:
        folder: Where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self._place = tempfile.TemporaryDirectory(prefix=".spool-", dir=folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._place.cleanup()

    def put(self, name: str, item: Item) -> None:
        """Keep an item; `name` has to be one of a file."""
        with self._path(name).open("wb") as stream:
            pickle.dump(item, stream, protocol=pickle.HIGHEST_PROTOCOL)

    def take(self, name: str) -> Item:
        """Give an item back, and the room it took on the disk."""
        with self._path(name).open("rb") as stream:
            item: Item = pickle.load(stream)
        self._path(name).unlink()
        return item

    def _path(self, name: str) -> Path:
        return Path(self._place.name) / name
