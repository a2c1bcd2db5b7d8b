"""DICOM series: one folder of slices becomes one volume in RAS, or it is refused with the reason.

Slices are ordered by their position along the normal of the slice plane, never by file name or instance
number. DICOM places voxels in LPS millimetres; the first two axes change sign on the way to RAS (DICOM PS3.3,
C.7.6.2.1.1).
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.nifti import check_intensities
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.nifti import holds_cases
from alcseg.errors import DataError, GeometryError, ResourceError
from alcseg.words import shorten

__all__ = [
    "DICOMReader",
    "read_numbered_series",
    "read_series",
    "series_folders",
    "series_name",
]

_ENDINGS = (".dcm", ".ima", ".dicom")
_GAP = 0.02  # Of the slice distance; positions are printed with a few decimals only.


class DICOMReader(Reader):
    """One series folder, or a folder of patients with one or more series below; all cases are unlabeled."""

    general = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether slices lie somewhere below `source`, and no NIfTI images made of them right in it."""
        return source.is_dir() and not holds_cases(source) and next(series_folders(source), None) is not None

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the series folders; series of one patient folder form a group. No pixel is read."""
        folders = sorted(series_folders(source))
        if not folders:
            raise DataError(
                f"{source}: expected a folder of DICOM slices, found none below it. Check the folder."
            )
        cases = []
        for folder in folders:
            place = folder.relative_to(source)
            cases.append(
                SourceCase(
                    series_name(folder, source),
                    (folder,),
                    load=partial(_load, folder),
                    quality="unlabeled",
                    group=series_name(source / place.parts[0] if place.parts else source),
                    source=place.as_posix() if place.parts else source.resolve().name,
                )
            )
        return SourceDataset(
            source.resolve().name, {"0": "image"}, {"background": 0, "foreground": 1}, tuple(cases)
        )


def series_name(folder: Path, source: Path | None = None) -> str:
    """Name of the case in a series folder: the folders from `source` on, or its own alone."""
    parts = () if source is None else folder.relative_to(source).parts
    return "_".join(parts or (folder.resolve().name,)).replace(" ", "_")


def _is_series(folder: Path) -> bool:
    """Whether a folder holds DICOM slices itself; reports and other objects without an image do not count."""
    return any(_may_be_slice(path) for path in sorted(folder.iterdir()))


def read_series(folder: Path) -> Volume:
    """Read the one series of a folder, rescaled to its stored units (such as HU), in RAS millimetres.

    Args:
        folder: Folder with the slices of one series; other files are passed over.

    Returns:
        Volume with axes (columns, rows, slices), float32; the affine holds the orientation.

    Raises:
        ResourceError: If pydicom, or a decoder for the compression of the file, is not installed.
        DataError: If the folder holds no slices, several series, differing slices, or cannot be read.
        GeometryError: If slices are missing or doubled; the message names the positions.
    """
    return _volume(_slices(folder), folder)


def read_numbered_series(folder: Path) -> tuple[Volume, tuple[int, ...]]:
    """Read a series as `read_series` does, with the instance number of each slice along the last axis.

    Raises:
        DataError: As `read_series`, and if a slice has no number or two have the same.
    """
    slices = _slices(folder)
    numbers = tuple(int(one.get("InstanceNumber") or -1) for one in slices)
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise DataError(
            f"{folder}: expected one instance number per slice, found {shorten(sorted(numbers))}. "
            "Download the series again."
        )
    return _volume(slices, folder), numbers


def _load(folder: Path) -> CaseVolumes:
    return CaseVolumes(folder.name, (read_series(folder),), None)


def _slices(folder: Path) -> list[Any]:
    """The slices of one series by their position along the normal of the slice plane."""
    found = [_read(path) for path in sorted(folder.iterdir()) if _is_dicom(path)]
    slices = [one for one in found if _is_image(one)]
    if not slices:
        raise DataError(f"{folder}: expected DICOM slices, found none. Check the folder.")
    for one in slices:
        _require_place(one)
    _require_one_series(slices, folder)
    normal = np.cross(*_directions(slices[0]))
    return sorted(slices, key=lambda one: float(np.dot(normal, one.ImagePositionPatient)))


def _directions(one: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit vectors in LPS along a row and along a column of a slice."""
    both = np.array(one.ImageOrientationPatient, dtype=float)
    return both[:3], both[3:]


def _volume(slices: list[Any], folder: Path) -> Volume:
    first = slices[0]
    across, down = _directions(first)
    normal = np.cross(across, down)
    positions = np.array([one.ImagePositionPatient for one in slices], dtype=float)
    _require_even_steps(positions @ normal, folder)
    row_distance, column_distance = (float(value) for value in first.PixelSpacing)
    lps = np.eye(4)
    lps[:3, 0] = across * column_distance
    lps[:3, 1] = down * row_distance
    last = positions[-1] - positions[0]
    lps[:3, 2] = last / (len(slices) - 1) if len(slices) > 1 else normal * _thickness(first)
    lps[:3, 3] = positions[0]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps
    _require_straight(lps, positions, folder)
    array = np.stack([_pixels(one, folder) for one in slices], axis=2)
    check_intensities(array, folder)
    return Volume(array, affine, None, folder)


def series_folders(source: Path) -> Iterator[Path]:
    """`source` itself and the folders below it, as far as they hold DICOM slices and are not hidden."""
    for folder in (source, *sorted(source.rglob("*"))):
        hidden = any(part.startswith(".") for part in folder.relative_to(source).parts)
        if folder.is_dir() and not hidden and _is_series(folder):
            yield folder


def _is_dicom(path: Path) -> bool:
    """Whether a file ends like DICOM or, as names may end in anything, carries its mark at byte 128."""
    if path.name.startswith(".") or path.name.upper() == "DICOMDIR" or not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM" or path.suffix.lower() in _ENDINGS


def _read(path: Path, **options: Any) -> Any:
    try:
        import pydicom
    except ImportError:
        raise ResourceError('reading DICOM needs pydicom: pip install "alcseg[dicom]"') from None
    try:
        return pydicom.dcmread(path, **options)
    except (pydicom.errors.InvalidDicomError, OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path}: expected a DICOM slice, cannot read it ({error}). Export the series again."
        ) from None


def _may_be_slice(path: Path) -> bool:
    if not _is_dicom(path):
        return False
    try:
        return _is_image(_read(path, stop_before_pixels=True, specific_tags=["SOPClassUID"]))
    except (DataError, ResourceError):
        return True  # said again when the series is read


def _is_image(one: Any) -> bool:
    """False for what states to be something else, such as a report; classes of unknown name may be images."""
    kind = one.get("SOPClassUID")
    return not kind or kind.name == kind or "Image" in kind.name


def _require_place(one: Any) -> None:
    tags = (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SeriesInstanceUID",
        "PixelData",
    )
    absent = [tag for tag in tags if tag not in one]
    if absent or int(one.get("NumberOfFrames", 1) or 1) > 1:
        what = f"no {shorten(absent)}" if absent else f"{one.NumberOfFrames} frames in one file"
        raise DataError(
            f"{one.filename}: expected one slice with its position, found {what}. "
            "Remove the file, or convert the series to NIfTI."
        )


def _require_one_series(slices: list[Any], folder: Path) -> None:
    by_series: dict[str, int] = {}
    for one in slices:
        uid = str(one.SeriesInstanceUID)
        by_series[uid] = by_series.get(uid, 0) + 1
    if len(by_series) > 1:
        found = shorten(f"...{uid[-12:]} ({count} slices)" for uid, count in by_series.items())
        raise DataError(
            f"{folder}: expected one series, found {len(by_series)}: {found}. Put each into its own folder."
        )
    kinds = {
        (
            int(one.Rows),
            int(one.Columns),
            *np.round([*one.PixelSpacing, *one.ImageOrientationPatient], 4).tolist(),
        )
        for one in slices
    }
    if len(kinds) > 1:
        found = shorten(f"{kind[0]}x{kind[1]} voxels of {kind[2]}x{kind[3]} mm" for kind in sorted(kinds))
        raise DataError(
            f"{folder}: expected slices of one size and orientation, found {found}. Remove the odd ones."
        )


def _require_even_steps(heights: NDArray[np.float64], folder: Path) -> None:
    if len(heights) == 1:
        return
    steps = np.diff(heights)
    usual = float(np.median(steps))
    doubled = heights[1:][steps < 1e-3]
    if len(doubled):
        raise GeometryError(
            f"{folder}: expected one slice per position, found several at {_places(doubled)} mm. "
            "Remove the doubles, or split the series by time or echo."
        )
    wide = np.flatnonzero(np.abs(steps - usual) > _GAP * usual)
    if len(wide):
        gaps = shorten((f"{heights[at]:.2f} and {heights[at + 1]:.2f}" for at in wide), 3)
        raise GeometryError(
            f"{folder}: expected a slice every {usual:.2f} mm, found a gap between the positions {gaps} "
            f"mm along the normal ({len(heights)} slices). Add what is missing, or export the series again."
        )


def _thickness(one: Any) -> float:
    """Slice distance in mm where one slice has no neighbor to measure it from."""
    return float(one.get("SpacingBetweenSlices") or one.get("SliceThickness") or 1.0)


def _require_straight(lps: NDArray[np.float64], positions: NDArray[np.float64], folder: Path) -> None:
    """Each slice lies where the affine puts it: gantry tilt is in the affine, a shift inside is not."""
    steps = np.arange(len(positions))[:, None]
    drift = float(np.abs(positions - (positions[0] + steps * lps[:3, 2])).max())
    allowed = 0.1 * float(np.linalg.norm(lps[:3, :2], axis=0).min())
    if drift > allowed:
        raise GeometryError(
            f"{folder}: expected slices in a straight stack, found one {drift:.2f} mm beside it. "
            "Export the series again."
        )


def _pixels(one: Any, folder: Path) -> NDArray[np.float32]:
    try:
        pixels = one.pixel_array
    except (RuntimeError, NotImplementedError) as error:
        raise ResourceError(
            f"{folder}: cannot decode {one.file_meta.TransferSyntaxUID.name} ({str(error).splitlines()[0]}). "
            "pip install pylibjpeg pylibjpeg-libjpeg pylibjpeg-openjpeg"
        ) from None
    except (AttributeError, ValueError) as error:
        raise DataError(
            f"{one.filename}: expected whole pixel data, cannot read it ({error}). Copy it again."
        ) from None
    if pixels.ndim != 2:
        raise DataError(
            f"{one.filename}: expected one gray value per pixel, found shape {pixels.shape}. Remove the file."
        )
    slope, intercept = float(one.get("RescaleSlope", 1) or 1), float(one.get("RescaleIntercept", 0) or 0)
    rescaled: NDArray[np.float32] = (pixels.T * slope + intercept).astype(np.float32)
    return rescaled


def _places(heights: NDArray[np.float64]) -> str:
    return shorten((f"{height:.2f}" for height in heights), 3)
