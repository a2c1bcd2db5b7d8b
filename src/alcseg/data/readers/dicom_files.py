"""DICOM files of a folder, and what each of them is: a slice of a volume, or something else of an export.

An export holds more than the series: reports, screenshots, localizers. They are told from their headers and
left out by name; a slice that cannot be used is an error of its own.
"""

import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.errors import DataError, PackageError, ResourceError
from alcseg.listing import folders_below, list_files
from alcseg.words import shorten

__all__ = [
    "dicom_files",
    "listed",
    "normals_cross",
    "other_than_slice",
    "others_below",
    "planes_cross",
    "read_dicom",
    "reading",
    "series_folders",
]

_ENDINGS = (".dcm", ".ima", ".dicom")
_CROSS_SECTIONS = ("CT Image", "MR Image", "PET Image", "Positron Emission Tomography Image")
_KIND = (
    "SOPClassUID", "ImageType", "ImagePositionPatient", "ImageOrientationPatient",
    "PerFrameFunctionalGroupsSequence",
)  # fmt: skip
_NEWER = {"1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage"}
"""Classes that pydicom 3.0 does not know, and so would be taken for slices."""
_ALIKE = 0.5  # Cosine between the normals of two slices, below which they cannot be of one stack.
_MOST = 2 / 3
_MALFORMED = (
    ArithmeticError, AttributeError, EOFError, LookupError, NotImplementedError, OSError, TypeError,
    ValueError, struct.error,
)  # fmt: skip
"""What pydicom raises for values that are not what their tag promises, often when they are looked at."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what pydicom raises for a damaged file into one line.

    Its warnings, of values that are odd and can be used, are left out.

    Raises:
        PackageError: If pydicom is not installed.
        DataError: If the file cannot be understood.
    """
    errors = _pydicom().errors
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            yield
    except (*_MALFORMED, errors.InvalidDicomError, errors.BytesLengthException) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: expected a DICOM slice, cannot read it ({reason}). Export the series again."
        ) from None


def read_dicom(path: Path, **options: Any) -> Any:
    """Read one file with pydicom, whose `options` are those of `dcmread`.

    Raises:
        PackageError: If pydicom is not installed.
        DataError: If the file cannot be read.
    """
    with reading(path):
        return _pydicom().dcmread(path, **options)


def dicom_files(folder: Path) -> list[Path]:
    """DICOM files right in a folder: by their endings or, as names may end in anything, by their mark."""
    return [path for path in list_files(folder) if _is_dicom(path)]


def series_folders(source: Path) -> Iterator[Path]:
    """`source` itself and the folders below it, as far as they hold DICOM slices and are not hidden."""
    return (
        folder for folder in folders_below(source) if any(_may_be_slice(path) for path in dicom_files(folder))
    )


def others_below(source: Path) -> dict[str, str]:
    """Files in folders without any slice, and what they are; by their place below `source`."""
    found: dict[str, str] = {}
    for folder in folders_below(source):
        files = dicom_files(folder)
        if not any(_may_be_slice(path) for path in files):
            found |= {path.relative_to(source).as_posix(): str(_kind(path)) for path in files}
    return found


def listed(others: Mapping[str, str]) -> str:
    """Files and what they are, for a message."""
    return shorten(f"{name} ({kind})" for name, kind in others.items())


def other_than_slice(one: Any) -> str | None:
    """What a file states to be that is no slice, such as a report; None for a slice and for what is unknown.

    An image without a place in the patient is no slice, unless its class is one of cross sections: those
    have to have one.
    """
    kind = one.get("SOPClassUID")
    name = _NEWER.get(str(kind), str(kind.name)) if kind else ""
    known = name not in ("", str(kind))
    if known and "Image" not in name:
        return name
    if "LOCALIZER" in np.atleast_1d(one.get("ImageType") or "").tolist():
        return "localizer"
    placed = "ImagePositionPatient" in one or "PerFrameFunctionalGroupsSequence" in one
    if known and not placed and not any(word in name for word in _CROSS_SECTIONS):
        return name
    return None


def planes_cross(folder: Path) -> bool:
    """Whether the slices of a folder stand across one another, as those of a localizer in three planes.

    A single slice that does among many others is damaged, and reading the series will say so.
    """
    return normals_cross([normal for path in dicom_files(folder) if (normal := _normal(path)) is not None])


def normals_cross(normals: Sequence[NDArray[np.float64]]) -> bool:
    """Whether less than two thirds of some unit vectors lie on nearly one line."""
    alike = np.abs(np.array(normals) @ np.array(normals).T) > _ALIKE if len(normals) else np.ones((1, 1))
    return float(alike.mean(axis=1).max()) < _MOST


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError:
        raise PackageError('reading DICOM needs pydicom: pip install "alcseg[dicom]"') from None
    return pydicom


def _is_dicom(path: Path) -> bool:
    if path.name.upper() == "DICOMDIR":
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or path.suffix.lower() in _ENDINGS


def _header(path: Path) -> Any:
    return read_dicom(path, stop_before_pixels=True, specific_tags=list(_KIND))


def _kind(path: Path) -> str | None:
    with reading(path):
        return other_than_slice(_header(path))


def _may_be_slice(path: Path) -> bool:
    try:
        return _kind(path) is None
    except (DataError, ResourceError):
        return True  # said again when the series is read


def _normal(path: Path) -> Any:
    """Unit normal of a slice; None for other files, and for damaged ones, which are named elsewhere."""
    try:
        with reading(path):
            one = _header(path)
            both = np.array(one.get("ImageOrientationPatient") or (), dtype=float)
            if other_than_slice(one) is not None or both.shape != (6,) or not np.isfinite(both).all():
                return None
    except DataError:
        return None
    normal = np.cross(both[:3], both[3:])
    length = np.linalg.norm(normal)
    return normal / length if length > 0 else None
