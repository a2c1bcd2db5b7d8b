"""`archive.json`: names, classes and cases of an archived dataset, and where each volume begins."""

from pathlib import Path
from typing import Any, Self

from pydantic import NonNegativeInt, PositiveInt

from alcseg.errors import DataError
from alcseg.records.base import Document, Record
from alcseg.records.cases import CaseRow

__all__ = ["ArchiveIndex", "ArchivePart", "ArchivedCase", "ArchivedVolume"]


class ArchivedVolume(Record):
    """A volume in the stream: NIfTI header, table of values, codes with the first axis fastest; bzip2."""

    start: NonNegativeInt
    """Byte of the stream at which it begins."""
    bytes: NonNegativeInt
    """Its length there."""
    header: NonNegativeInt
    """Length of the header before compression."""
    values: PositiveInt
    """Number of different values."""
    dtype: str
    """Type of a value, as NumPy writes it."""
    shape: tuple[PositiveInt, ...]
    """Voxels per axis."""


class ArchivedCase(Record):
    """One case."""

    row: CaseRow
    """Its line of `cases.csv`."""
    images: tuple[ArchivedVolume, ...]
    """One per channel."""
    label: ArchivedVolume | None
    """Its label, if there is one."""


class ArchivePart(Record):
    """One file of the stream."""

    file: str
    """Its name."""
    bytes: NonNegativeInt
    """Its length."""
    sha256: str
    """Of its content, 16 hexadecimal digits."""


class ArchiveIndex(Document):
    """A dataset in a few small files; the number of the format is called `alcseg_archive`."""

    NAME = "archive.json"
    MADE_BY = "`alcseg import --archive`"
    FORMAT_KEY = "alcseg_archive"

    name: str
    """Of the dataset."""
    channel_names: dict[str, str]
    """Channel number to name."""
    labels: dict[str, int]
    """Class name to value, background first."""
    ignore: int | None = None
    """Value of voxels that nobody labeled; None where all are labeled."""
    extra: dict[str, Any] = {}
    """Further keys of `dataset.json`."""
    parts: tuple[ArchivePart, ...]
    """Files of the stream, in order."""
    cases: tuple[ArchivedCase, ...]
    """The cases, in order."""

    @classmethod
    def parse(cls, content: dict[str, Any], path: Path) -> Self:
        """Make a record of the content of a file.

        Raises:
            DataError: If it is no index of an archive, a newer one, or damaged.
        """
        if cls.FORMAT_KEY not in content:
            raise DataError(f"{path}: expected the index of an archive. Make one with --archive.")
        return super().parse(content, path)
