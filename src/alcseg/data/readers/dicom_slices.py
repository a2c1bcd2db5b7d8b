"""One plane of a DICOM series with its place and its pixels, from a file of its own or as a frame of one.

Where a file holds frames (enhanced CT, MR and PET), the geometry of each stands in its functional groups, or
in those that all frames share (DICOM PS3.3, C.7.6.16).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.placement import check_directions, check_steps
from alcseg.data.readers.dicom_files import reading
from alcseg.errors import DataError, PackageError
from alcseg.words import shorten

__all__ = ["Slice", "slices_in"]

_GROUPS = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "SliceThickness": "PixelMeasuresSequence",
    "SpacingBetweenSlices": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}
_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_DECODERS = ("pylibjpeg", "libjpeg", "openjpeg")  # modules of the extra dicom-jpeg
_UNITS = ("CT", "PT")
"""Modalities whose values have units, HU and Bq/ml, so that no way to display them turns them round."""


@dataclass(frozen=True, eq=False)
class Slice:
    """One plane; lengths are in mm, directions and positions in DICOM's LPS.

    Attributes:
        path: Its file.
        dataset: What the file holds, pixels included.
        frame: Which of the frames of the file; None where it holds one alone.
        series: Unique name of the series.
        position: Center of the first pixel, `(3,)`.
        directions: Unit vectors along a row and along a column, `(6,)`.
        spacing: Between rows and between columns.
        size: Number of rows and of columns.
        slope: To rescale stored values with.
        intercept: To add then.
        inverted: Whether low values stand for bright pixels and have no units that say so themselves.
    """

    path: Path
    dataset: Any
    frame: int | None
    series: str
    position: NDArray[np.float64]
    directions: NDArray[np.float64]
    spacing: tuple[float, float]
    size: tuple[int, int]
    slope: float
    intercept: float
    inverted: bool

    @property
    def number(self) -> int:
        """Instance number, of a frame its own; -1 without one."""
        if self.frame is not None:
            return self.frame + 1
        stated = _value(self.dataset, "InstanceNumber", None)
        return -1 if stated is None else int(_numbers(self.dataset, "InstanceNumber", 1, self.path)[0])

    @property
    def thickness(self) -> float | None:
        """Distance of neighboring slices as stated; None without a statement."""
        for tag in ("SpacingBetweenSlices", "SliceThickness"):
            if _value(self.dataset, tag, self.frame) is not None:
                found = abs(float(_numbers(self.dataset, tag, 1, self.path, self.frame)[0]))
                if found > 0:
                    return found
        return None

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector along which slices are stacked, up to a skew."""
        return np.cross(self.directions[:3], self.directions[3:])

    def pixels(self) -> NDArray[np.float32]:
        """Gray values in stored units such as HU, `(columns, rows)`; those of MONOCHROME1 turned round.

        Raises:
            PackageError: If no decoder of the compression is installed.
            DataError: If the pixels cannot be read or have colors.
        """
        stored = _decoded(self.dataset, self.frame, self.path)
        if stored.shape != self.size:
            raise DataError(
                f"{self.path}: expected one gray value per pixel of {self.size}, found shape {stored.shape}. "
                "Remove the file."
            )
        values = stored.T.astype(np.float64)
        if self.inverted:
            with reading(self.path):
                values = _turned_round(values, self.dataset)
        with np.errstate(over="ignore"):  # what is not finite then is refused with the volume
            rescaled: NDArray[np.float32] = (values * self.slope + self.intercept).astype(np.float32)
        return rescaled


def slices_in(one: Any, path: Path) -> Iterator[Slice]:
    """The slices of one file that was read whole.

    Raises:
        DataError: If a slice has no place, or a value of its geometry is malformed.
        GeometryError: If its pixels have no size above 0, or its directions are no unit vectors.
    """
    with reading(path):
        frames = one.get("PerFrameFunctionalGroupsSequence")
        count = int(one.get("NumberOfFrames") or 1)
    if frames is None and count > 1:
        raise DataError(
            f"{path}: expected one slice with its position, found {count} frames in one file that do not "
            "state theirs. Remove the file, or convert the series to NIfTI."
        )
    if frames is None:
        yield _slice(one, None, path)
        return
    if count != len(frames):
        raise DataError(
            f"{path}: expected the place of each of {count} frames, found {len(frames)}. "
            "Export the series again."
        )
    for index in range(count):
        yield _slice(one, index, path)


def _slice(one: Any, frame: int | None, path: Path) -> Slice:
    with reading(path):
        placed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
        absent = [tag for tag in placed if _value(one, tag, frame) is None]
        absent += [tag for tag in ("SeriesInstanceUID", "Rows", "Columns") if not one.get(tag)]
        absent += [] if any(one.get(tag) for tag in _PIXELS) else ["PixelData"]
        series, shown = str(one.get("SeriesInstanceUID")), one.get("PhotometricInterpretation")
        has_units = one.get("Modality") in _UNITS or one.get("RescaleType") not in (None, "", "US")
    if absent:
        raise DataError(
            f"{path}: expected one slice with its position, found no {shorten(absent)}. "
            "Remove the file, or convert the series to NIfTI."
        )
    if shown == "PALETTE COLOR":
        raise DataError(f"{path}: expected gray values, found {shown}. Remove the file.")
    rows, columns = (int(_numbers(one, tag, 1, path)[0]) for tag in ("Rows", "Columns"))
    between_rows, between_columns = _numbers(one, "PixelSpacing", 2, path, frame)
    directions = _numbers(one, "ImageOrientationPatient", 6, path, frame)
    check_steps((between_rows, between_columns), path)
    check_directions(directions[:3], directions[3:], path)
    slope, intercept = (
        float(_numbers(one, tag, 1, path, frame)[0]) if _value(one, tag, frame) is not None else usual
        for tag, usual in (("RescaleSlope", 1.0), ("RescaleIntercept", 0.0))
    )
    if slope == 0:
        raise DataError(f"{path}: expected a RescaleSlope other than 0, found 0. Export the series again.")
    return Slice(
        path,
        one,
        frame,
        series,
        _numbers(one, "ImagePositionPatient", 3, path, frame),
        directions,
        (float(between_rows), float(between_columns)),
        (rows, columns),
        slope,
        intercept,
        shown == "MONOCHROME1" and not has_units,
    )


def _value(one: Any, tag: str, frame: int | None) -> Any:
    """A value of a slice, of its functional groups where it is a frame; None if it is absent or empty."""
    if frame is None:
        found = one.get(tag)
    else:
        group = _GROUPS[tag]
        shared = one.get("SharedFunctionalGroupsSequence") or [{}]
        own = one.PerFrameFunctionalGroupsSequence[frame].get(group) or shared[0].get(group) or [one]
        found = own[0].get(tag)
    return None if found is None or found == "" or (not np.isscalar(found) and len(found) == 0) else found


def _numbers(one: Any, tag: str, count: int, path: Path, frame: int | None = None) -> NDArray[np.float64]:
    """So many finite numbers, or an error that names the tag."""
    with reading(path):
        found = _value(one, tag, frame)
        try:
            numbers = np.atleast_1d(np.array(found, dtype=float))
        except (TypeError, ValueError):
            numbers = np.array([])
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise DataError(
            f"{path}: expected {count} finite number(s) as {tag}, found {str(found)[:80]!r}. "
            "Export the series again."
        )
    return numbers


def _decoded(one: Any, frame: int | None, path: Path) -> NDArray[Any]:
    from pydicom.pixels.utils import pixel_array

    try:
        with reading(path):
            pixels: NDArray[Any] = pixel_array(one, index=frame or 0)
    except RuntimeError as error:  # of pydicom, if no decoder is there or none of those that are can do it
        name, reason = one.file_meta.TransferSyntaxUID.name, " ".join(str(error).split())[:200]
        if all(map(find_spec, _DECODERS)):
            raise DataError(
                f"{path}: expected whole {name}, cannot decode it ({reason}). Copy it again."
            ) from None
        raise PackageError(
            f'{path}: cannot decode {name} ({reason}): pip install "alcseg[dicom-jpeg]", or decompress the '
            "series."
        ) from None
    return pixels


def _turned_round(values: NDArray[np.float64], one: Any) -> NDArray[np.float64]:
    """The lowest value that can be stored for the highest, and so on."""
    bits = int(one.get("BitsStored") or 16)
    low, high = (
        (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if one.get("PixelRepresentation") else (0, 2**bits - 1)
    )
    turned: NDArray[np.float64] = low + high - values
    return turned
