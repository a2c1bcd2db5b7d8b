"""Whether a MetaImage file is whole, and says where its voxels lie, before ITK is asked.

ITK reads what is no number as 0, mirrors a volume whose spacing is negative, is ended by some headers
together with its process, takes voxels from any file that it is told, gives others for packed ones that are
damaged or whose size is not stated, and no reason for what it refuses.
"""

import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcseg.data.placement import check_shape, check_steps
from alcseg.errors import DataError, GeometryError
from alcseg.listing import has_file, require_beside

__all__ = ["check_metaimage"]

_LONGEST = 1 << 20  # bytes
_NEEDED = ("NDims", "DimSize", "ElementType", "ElementDataFile")
_DIRECTIONS = ("TransformMatrix", "Rotation", "Orientation")
_STEPS = ("ElementSpacing", "ElementSize")
_NUMBERS = {"NDims": 1, "DimSize": 3} | dict.fromkeys(_DIRECTIONS, 9) | dict.fromkeys(
    ("Offset", "Position", "Origin", *_STEPS), 3
)  # fmt: skip
"""How many numbers a field of a 3D volume has."""
_BYTES = {
    **dict.fromkeys(("MET_CHAR", "MET_UCHAR"), 1), **dict.fromkeys(("MET_SHORT", "MET_USHORT"), 2),
    **dict.fromkeys(("MET_INT", "MET_UINT", "MET_FLOAT"), 4), "MET_DOUBLE": 8,
}  # fmt: skip
"""Of a voxel; of other types ITK decides."""
_BLOCK = 1 << 20
_ZLIB_OR_GZIP = 47  # as zlib counts: any window, either header
_UNIT = 1e-2  # off the length 1 of a direction; headers are printed with a few digits


@dataclass(frozen=True)
class _Header:
    """Fields and what they hold; `voxels` is where those begin that follow the header."""

    path: Path
    fields: dict[str, str]
    voxels: int

    def says(self, name: str, what: str = "true") -> bool:
        return self.fields.get(name, "").lower() == what

    @property
    def needed(self) -> int:
        """Bytes of voxels that are stated; 0 where the type is none that is known here."""
        channels = _numbers(self.fields.get("ElementNumberOfChannels", "1"))
        size = _BYTES.get(self.fields["ElementType"], 0)
        return int(size * math.prod(_numbers(self.fields["DimSize"])) * sum(channels))


def check_metaimage(path: Path) -> None:
    """Look at what places voxels, at where they lie, and whether all are there.

    Raises:
        DataError: If a field is absent or odd, voxels lie in another folder, are too few or damaged.
        GeometryError: If a voxel size is not above 0, or a direction has another length than 1.
    """
    try:
        with path.open("rb") as file:
            start, key, rest = file.read(_LONGEST).partition(b"ElementDataFile")
    except OSError as error:
        raise DataError(f"{path}: expected a MetaImage file, cannot read it ({error.strerror}).") from None
    fields = dict(_checked(start.decode("latin-1"), path))
    place, _, _ = rest.partition(b"\n")
    if key:
        fields["ElementDataFile"] = place.decode("latin-1").strip(" =\t\r")
    if absent := [name for name in _NEEDED if name not in fields]:
        raise DataError(
            f"{path}: expected a MetaImage header with {', '.join(_NEEDED)}, found no {absent[0]}. Copy the "
            "file again, or write it anew."
        )
    header = _Header(path, fields, len(start) + len(key) + len(place) + 1)
    source = fields["ElementDataFile"]
    if source.upper() == "LOCAL":
        _require_whole(header, path, header.voxels)
        return
    require_beside(source, path)
    if source == "LIST" or "%" in source:  # of files anywhere, or a slice each
        raise DataError(
            f"{path}: expected its voxels in it or in one file beside it, found '{source:.60}'. Convert it."
        )
    if not has_file(path.parent / source):
        raise DataError(
            f"{path}: expected its voxels in {source:.60} beside it, found no such file. Copy both."
        )
    skipped = _numbers(fields.get("HeaderSize", "0")) or [0.0]
    _require_whole(header, path.parent / source, max(int(skipped[0]), 0))


def _checked(header: str, path: Path) -> Iterator[tuple[str, str]]:
    """Fields and what they hold, in their order; a field twice is what ITK takes of it, the last one."""
    for line in header.splitlines():
        name, sign, value = (part.strip() for part in line.partition("="))
        if not sign:
            continue
        if name in _NUMBERS:
            _check_numbers(name, value, path)
        yield name, value


def _check_numbers(name: str, value: str, path: Path) -> None:
    numbers = _numbers(value)
    if len(numbers) != _NUMBERS[name] or not all(map(math.isfinite, numbers)):
        raise DataError(
            f"{path}: expected one 3D volume with {_NUMBERS[name]} finite numbers as {name} in it, found "
            f"'{value:.60}'. Convert the file, or write it again."
        )
    if name == "NDims" and numbers != [3]:
        raise DataError(f"{path}: expected one 3D volume, found {value} dimensions. Convert it.")
    if name == "DimSize":
        if any(size != int(size) for size in numbers):
            raise DataError(
                f"{path}: expected three whole numbers as DimSize, found '{value:.60}'. Write the file again."
            )
        check_shape([int(size) for size in numbers], path)
    if name in _STEPS:
        check_steps(numbers, path)
    if name in _DIRECTIONS:
        lengths = np.linalg.norm(np.reshape(numbers, (3, 3)), axis=1)
        if np.abs(lengths - 1).max() > _UNIT:
            raise GeometryError(
                f"{path}: expected three directions of length 1 as {name}, found '{value:.60}'. Repair the "
                "header: voxel sizes belong into ElementSpacing."
            )


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in text.split()]
    except ValueError:
        return []


def _require_whole(header: _Header, file: Path, start: int) -> None:
    """Raise where a file has fewer voxels from `start` on than the header states, or damaged ones."""
    if header.says("BinaryData", "false"):
        return
    if header.says("CompressedData"):
        size = _numbers(header.fields.get("CompressedDataSize", "0")) or [0.0]
        stated = int(size[0]) if size[0] > 0 else 0 if file == header.path else file.stat().st_size
        there = _unpacked_size(file, start, stated)
    else:
        there = file.stat().st_size - start
    if there is None or there < header.needed:
        found = "some that cannot be unpacked" if there is None else f"{there}"
        raise DataError(
            f"{header.path}: expected {header.needed} bytes of voxels ({header.fields['DimSize']} of "
            f"{header.fields['ElementType']}), found {found}. Copy it again, or write it anew."
        )


def _unpacked_size(file: Path, start: int, length: int) -> int | None:
    """Bytes in a stream of zlib or gzip; None where it is not whole, or its checksum tells of damage."""
    stream, size = zlib.decompressobj(_ZLIB_OR_GZIP), 0
    with file.open("rb") as packed:
        packed.seek(start)
        try:
            while not stream.eof and length > 0 and (block := packed.read(min(_BLOCK, length))):
                length -= len(block)
                size += len(stream.decompress(block))
        except zlib.error:
            return None
    return size if stream.eof else None
