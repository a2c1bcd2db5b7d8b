"""Objects that wait on disk until their turn comes, so that only one of them is in memory at a time."""

import mmap
import os
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
        arrays: list[memoryview] = []
        frame = pickle.dumps(item, protocol=5, buffer_callback=lambda array: arrays.append(array.raw()))
        with self._path(name).open("wb") as stream:
            pickle.dump((frame, [len(array) for array in arrays]), stream)
            for array in arrays:
                stream.seek(_aligned(stream.tell()))
                stream.write(array)

    def take(self, name: str) -> Item:
        """Give an item back; its arrays are read when they are looked at, and changes stay with the item.

        The room on the disk is free when nobody holds the item.
        """
        with self._path(name).open("rb") as stream:
            frame, sizes = pickle.load(stream)
            start = stream.tell()
            if os.name == "nt":  # no mapped file can be removed there
                stream.seek(0)
                whole = memoryview(bytearray(stream.read()))
            else:
                whole = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
        arrays = []
        for size in sizes:
            start = _aligned(start)
            arrays.append(whole[start : start + size])
            start += size
        item: Item = pickle.loads(frame, buffers=arrays)
        self._path(name).unlink()
        return item

    def _path(self, name: str) -> Path:
        return Path(self._place.name) / name


def _aligned(place: int) -> int:
    """The next place in a file at which arrays of any type may begin."""
    return -(-place // 64) * 64
