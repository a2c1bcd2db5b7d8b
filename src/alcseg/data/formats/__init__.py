"""One module per format of files; what reads or writes a volume goes through here, by the ending of its name.

To add a format: write `<name>.py` with a `Format`, its test, and one line in `FORMATS`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.formats.base import Format
from alcseg.data.formats.dicom_label import DICOMLabelFormat
from alcseg.data.formats.metaimage import MetaImageFormat
from alcseg.data.formats.mgh import MGHFormat
from alcseg.data.formats.nifti import NIfTIFormat
from alcseg.data.formats.nrrd import NRRDFormat
from alcseg.data.formats.seg_nrrd import SegNRRDFormat
from alcseg.data.lattice import put_on
from alcseg.errors import DataError
from alcseg.words import shorten

__all__ = [
    "FORMATS",
    "Format",
    "file_stem",
    "format_of",
    "names_classes",
    "read_image",
    "read_label",
    "volume_stem",
]

FORMATS: dict[str, Format] = {
    "dicom-seg": DICOMLabelFormat(),
    "mgz": MGHFormat(),
    "mha": MetaImageFormat(),
    "nifti": NIfTIFormat(),
    "nrrd": NRRDFormat(),
    "seg.nrrd": SegNRRDFormat(),
}
"""Name of a format, as `--as` takes it, to what reads and writes it."""


def format_of(path: Path) -> Format | None:
    """The format of a file by its ending, the longest that fits; None if it is of another format."""
    found = _ending(path)
    return None if found is None else found[1]


def volume_stem(path: Path) -> str | None:
    """Name of a file without the ending of its format; None if it is of another format."""
    found = _ending(path)
    return None if found is None else path.name[: -len(found[0])]


def file_stem(path: Path) -> str | None:
    """As `volume_stem`, of files that stand for a case by their names; None for DICOM, where headers do."""
    return None if path.suffix.lower() in FORMATS["dicom-seg"].endings else volume_stem(path)


def names_classes(path: Path) -> bool:
    """Whether a file names its classes, and so is a label whatever it is called."""
    found = format_of(path)
    return found is not None and found.names_classes


def read_image(path: Path) -> Volume:
    """Read one 3D image as float32, of whatever format.

    Raises:
        DataError: If the file cannot be used.
        PackageError: If the package that reads its format is not installed.
    """
    return _known(path).read_image(path)


def read_label(
    path: Path,
    labels: Mapping[str, int] | None = None,
    like: Volume | None = None,
    priority: Sequence[str] = (),
    *,
    every: bool = False,
) -> Volume:
    """Read one 3D label map as integers, of whatever format.

    Args:
        path: The file.
        labels: Class name to value, background first, for files that name their classes; None for the values
            that they state.
        like: The image. A label of another format than NIfTI is put onto its grid where both share one
            lattice: whatever the order of its axes and slices, and where it is cropped to what was drawn.
        priority: Names of classes, of which the first wins where segments overlap.
        every: Whether each class of `labels` has to have a segment, where segments have names; else one at
            least.

    Raises:
        DataError: If the file cannot be used.
        LabelError: If values are no whole numbers, or segments overlap.
        PackageError: If the package that reads its format is not installed.
    """
    label = _known(path).read_label(path, labels, like, priority, every=every)
    if like is None or label.header is not None:
        return label
    return put_on(label, like, fill=next(iter(labels.values())) if labels else 0)


def _known(path: Path) -> Format:
    found = format_of(path)
    if found is None:
        endings = (ending for known in FORMATS.values() for ending in known.endings)
        raise DataError(f"{path}: expected a file that ends in one of {shorten(endings, 20)}. Convert it.")
    return found


def _ending(path: Path) -> tuple[str, Format] | None:
    name = path.name.lower()
    fitting = [
        (ending, known) for known in FORMATS.values() for ending in known.endings if name.endswith(ending)
    ]
    return max(fitting, key=lambda pair: len(pair[0]), default=None)
