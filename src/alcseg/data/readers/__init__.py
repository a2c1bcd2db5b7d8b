"""One module per layout of somebody's files on disk; `alcseg import` goes through them."""

from collections.abc import Iterator
from pathlib import Path

from alcseg.data.readers.archive import ArchiveReader
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.dicom import DICOMReader
from alcseg.data.readers.la_h5 import LAH5Reader
from alcseg.data.readers.la_nrrd import LANRRDReader
from alcseg.data.readers.msd import MSDReader
from alcseg.data.readers.nifti import NIfTIReader
from alcseg.data.readers.nih_pancreas import NIHPancreasReader
from alcseg.data.readers.nnunet import NNUNetReader
from alcseg.errors import DataError
from alcseg.listing import has_file, has_folder
from alcseg.plugins import Registry

__all__ = ["READERS", "Reader", "ReaderOptions", "SourceCase", "SourceDataset", "find_reader", "recognize"]

READERS: Registry[type[Reader]] = Registry(
    "format",
    {
        "archive": ArchiveReader,
        "dicom": DICOMReader,
        "la-h5": LAH5Reader,
        "la-nrrd": LANRRDReader,
        "msd": MSDReader,
        "nifti": NIfTIReader,
        "nih-pancreas": NIHPancreasReader,
        "nnunet": NNUNetReader,
    },
    group="alcseg.readers",
    wanted="a subclass of alcseg.data.readers.Reader",
    accept=lambda found: found if isinstance(found, type) and issubclass(found, Reader) else None,
)


def find_reader(source: Path, layout: str = "auto") -> Reader:
    """The reader for a layout, or the one that recognizes `source`.

    Readers that come along are asked before others, and those of a strict layout before general ones.

    Raises:
        ConfigError: If there is no such layout.
        DataError: If `source` is absent or no reader recognizes it.
    """
    if not (has_folder(source) or has_file(source)):
        raise DataError(f"{source}: expected files to import, found nothing there. Check the path.")
    if layout != "auto":
        return READERS[layout]()
    reader = recognize(source)
    if reader is None:
        raise DataError(
            f"{source}: expected one of the layouts {', '.join(READERS)}, recognized none. "
            "Name it with --format."
        )
    return reader


def recognize(source: Path) -> Reader | None:
    """The reader of the layout that `source` has; None if none knows it.

    Raises:
        DataError: If an entry cannot be opened.
    """
    return next((reader() for reader in _in_order() if reader.detect(source)), None)


def _in_order() -> Iterator[type[Reader]]:
    """Readers in the order in which they are asked; others are imported when no strict one has said yes."""
    own = READERS.builtin.values()
    yield from (reader for reader in own if not reader.general)
    others = [reader for name, reader in READERS.items() if name not in READERS.builtin]
    yield from (reader for reader in others if not reader.general)
    yield from (reader for reader in (*own, *others) if reader.general)
