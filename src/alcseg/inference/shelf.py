"""Predictions of a case that wait on disk, so that several passes of many classes need no memory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Shelf"]

_SLAB_VALUES = 2**22
"""Numbers of a slab, over all arrays: 16 MiB."""


class Shelf:
    """Float32 arrays `(K, X, Y, Z)` of one shape, put one after the other and read side by side in slabs.

    They lie in a file without a name, which goes at the end of the block or of the process.

    Args:
        folder: On the disk that has room for them; that of the system's temporary files where None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `__exit__`
        self._shape: tuple[int, ...] = ()
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, array: NDArray[np.float32]) -> None:
        """Keep another array."""
        self._shape = array.shape
        self._count += 1
        self._file.write(np.ascontiguousarray(array, np.float32).data)

    def slabs(self) -> Iterator[tuple[slice, list[Tensor]]]:
        """Ranges along X, and what all arrays hold there, each `(K, rows, Y, Z)`."""
        classes, x, y, z = self._shape
        step = max(1, _SLAB_VALUES // (self._count * classes * y * z))
        for start in range(0, x, step):
            rows = slice(start, min(start + step, x))
            yield rows, [self._read(number, rows) for number in range(self._count)]

    def _read(self, number: int, rows: slice) -> Tensor:
        classes, x, y, z = self._shape
        part = np.empty((classes, rows.stop - rows.start, y, z), np.float32)
        for index, plane in enumerate(part):
            self._file.seek(4 * y * z * (x * (classes * number + index) + rows.start))
            self._file.readinto(plane.data)
        return torch.from_numpy(part)
