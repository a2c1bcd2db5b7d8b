"""One module per layout of somebody's files on disk; `alcseg import` goes through them."""

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
from alcseg.errors import DataError, UsageError

__all__ = ["READERS", "Reader", "ReaderOptions", "SourceCase", "SourceDataset", "find_reader"]

READERS: dict[str, type[Reader]] = {
    "archive": ArchiveReader,
    "dicom": DICOMReader,
    "la-h5": LAH5Reader,
    "la-nrrd": LANRRDReader,
    "msd": MSDReader,
    "nifti": NIfTIReader,
    "nih-pancreas": NIHPancreasReader,
    "nnunet": NNUNetReader,
}


def find_reader(source: Path, layout: str = "auto") -> Reader:
    """The reader for a layout, or the one that recognizes `source`.

    Raises:
        UsageError: If there is no such layout.
        DataError: If `source` is absent or no reader recognizes it.
    """
    if not source.exists():
        raise DataError(f"{source}: expected files to import, found nothing there. Check the path.")
    if layout != "auto":
        if layout not in READERS:
            raise UsageError(f"expected --format auto|{'|'.join(READERS)}, found '{layout}'.")
        return READERS[layout]()
    for reader in sorted(READERS.values(), key=lambda reader: reader.general):
        if reader.detect(source):
            return reader()
    raise DataError(
        f"{source}: expected one of the layouts {', '.join(READERS)}, recognized none. Name it with --format."
    )
