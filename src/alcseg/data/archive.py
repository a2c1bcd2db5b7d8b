"""A dataset in a few small files, to be carried to a machine without network.

An image whose values are few, such as a scan that was 8-bit before it was normalized, is kept as one byte per
voxel and a table of its values; voxels come back bit for bit. Layout:

    archive.json      names, classes, cases, and where each volume starts in the stream
    part-0000.bin     the stream of volumes, cut every so many bytes
    part-0001.bin     ...

A volume in the stream is compressed with bzip2: its NIfTI header, the table in ascending order of bits, the
codes with the first axis fastest.
"""

import bz2
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.folder import Dataset
from alcseg.data.incomplete import put_back
from alcseg.data.nifti_file import header_affine
from alcseg.errors import DataError, UsageError
from alcseg.files import file_hash
from alcseg.records.archive import ArchivedCase, ArchivedVolume, ArchiveIndex, ArchivePart

__all__ = ["Archive", "read_archived_case", "write_archive"]

_MOST_VALUES = 256
_HEADERS: dict[int, Any] = {348: nib.Nifti1Header, 540: nib.Nifti2Header}


@dataclass(frozen=True)
class Archive:
    """An opened archive; `Archive.open` makes it.

    Attributes:
        root: The folder.
        index: What stands in `archive.json`.
    """

    root: Path
    index: ArchiveIndex

    @classmethod
    def open(cls, root: str | PathLike[str]) -> "Archive":
        """Read the index and check that every part is there and whole.

        Raises:
            DataError: If the index is no such index, or a part is absent or damaged.
        """
        root = Path(root)
        index = ArchiveIndex.read(root)
        for part in index.parts:
            path = root / part.file
            if not path.is_file() or file_hash(path) != part.sha256:
                raise DataError(
                    f"{path}: expected the part as it was written, found "
                    f"{'other bytes' if path.is_file() else 'none'}. Copy it again."
                )
        return cls(root, index)

    def __fspath__(self) -> str:
        return str(self.root)

    @cached_property
    def cases(self) -> dict[str, ArchivedCase]:
        """By name, in order."""
        return {case.row.case_id: case for case in self.index.cases}

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {
            "archive": self.root,
            "cases": len(self.index.cases),
            "parts": len(self.index.parts),
            "mib": round(sum(part.bytes for part in self.index.parts) / 2**20, 2),
        }

    def read_stream(self, start: int, length: int) -> bytes:
        """Bytes of the stream, from as many parts as they lie in."""
        found = bytearray()
        for part in self.index.parts:
            if start < part.bytes and len(found) < length:
                with (self.root / part.file).open("rb") as stream:
                    stream.seek(start)
                    found += stream.read(length - len(found))
            start = max(0, start - part.bytes)
        return bytes(found)


def write_archive(folder: Dataset, root: Path, part_bytes: int) -> Archive:
    """Write a dataset folder as an archive, `labelsClean/` and other additions left out.

    Args:
        folder: The dataset.
        root: Empty folder to write to.
        part_bytes: Largest size of a part.

    Raises:
        UsageError: If a part could hold nothing.
        DataError: If a volume holds more than 256 different values.
    """
    if part_bytes < 1:
        raise UsageError(f"expected --archive with parts of at least 1 MiB, found {part_bytes} bytes.")
    stream = _Stream(root, part_bytes)
    cases = []
    for row in folder.rows:
        case = folder.read(row.case_id)
        cases.append(
            ArchivedCase(
                row=row,
                images=tuple(stream.add(volume) for volume in case.images),
                label=None if case.label is None else stream.add(_as_in_its_file(case.label, folder)),
            )
        )
    index = ArchiveIndex(
        name=folder.name,
        channel_names=folder.channel_names,
        labels=folder.labels,
        ignore=folder.ignore,
        extra=folder.record.extra,
        parts=tuple(
            ArchivePart(file=path.name, bytes=path.stat().st_size, sha256=file_hash(path))
            for path in stream.paths()
        ),
        cases=tuple(cases),
    )
    index.write(root)
    return Archive(root, index)


def read_archived_case(archive: Archive, case_id: str) -> CaseVolumes:
    """Read one case of an archive, bit for bit as it was.

    Raises:
        DataError: If there is no such case.
    """
    case = archive.cases.get(case_id)
    if case is None:
        raise DataError(
            f"{archive.root}: expected a case of this archive, found no '{case_id}'. Check the name."
        )
    images = tuple(_read_volume(archive, record) for record in case.images)
    return CaseVolumes(case_id, images, None if case.label is None else _read_volume(archive, case.label))


def _as_in_its_file(label: Volume, folder: Dataset) -> Volume:
    return replace(label, array=put_back(label.array, label.known, folder.ignore), known=None)


class _Stream:
    """Appends volumes to part after part."""

    def __init__(self, root: Path, part_bytes: int) -> None:
        self._root = root
        self._part_bytes = part_bytes
        self._length = 0

    def add(self, volume: Volume) -> ArchivedVolume:
        """Append a volume; gives its record for the index."""
        bits = np.ascontiguousarray(volume.array).view(f"u{volume.array.dtype.itemsize}")
        table = np.unique(bits)  # of the bits, since 0.0 and -0.0 are two values
        if len(table) > _MOST_VALUES:
            raise DataError(
                f"{volume.path}: expected at most {_MOST_VALUES} different values to archive, found "
                f"{len(table)}. Copy the dataset folder instead."
            )
        codes = np.searchsorted(table, bits).astype(np.uint8)
        own = volume.header
        known: Any = nib.Nifti1Image(volume.array, volume.affine).header if own is None else own
        header = known.as_byteswapped("<").binaryblock
        packed = bz2.compress(header + table.tobytes() + codes.tobytes(order="F"))
        record = ArchivedVolume(
            start=self._length,
            bytes=len(packed),
            header=len(header),
            values=len(table),
            dtype=volume.array.dtype.str,
            shape=volume.shape,
        )
        for piece in self._cut(packed):
            with self._path(self._length // self._part_bytes).open("ab") as part:
                part.write(piece)
            self._length += len(piece)
        return record

    def paths(self) -> list[Path]:
        """The parts written so far."""
        return [self._path(number) for number in range(-(-self._length // self._part_bytes))]

    def _cut(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            room = self._part_bytes - self._length % self._part_bytes
            yield data[at : at + room]
            at += room

    def _path(self, number: int) -> Path:
        return self._root / f"part-{number:04d}.bin"


def _read_volume(archive: Archive, record: ArchivedVolume) -> Volume:
    try:
        return _unpacked(archive, record)
    except (EOFError, IndexError, KeyError, OSError, TypeError, ValueError, HeaderDataError) as error:
        raise DataError(
            f"{ArchiveIndex.path(archive.root)}: expected a volume at byte {record.start} of the parts, "
            f"found none that can be read ({error}). Copy the archive again."
        ) from None


def _unpacked(archive: Archive, record: ArchivedVolume) -> Volume:
    data = bz2.decompress(archive.read_stream(record.start, record.bytes))
    dtype = np.dtype(record.dtype)
    codes_at = record.header + record.values * dtype.itemsize
    table = np.frombuffer(data[record.header : codes_at], dtype)
    codes = np.frombuffer(data[codes_at:], np.uint8).reshape(record.shape, order="F")
    header: Any = _HEADERS[record.header](data[: record.header])
    array: NDArray[Any] = np.ascontiguousarray(table[codes])
    return Volume(array, header_affine(header, archive.root), header, archive.root)
