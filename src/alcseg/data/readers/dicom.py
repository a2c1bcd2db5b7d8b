"""DICOM series: one folder of slices becomes one volume in RAS, or it is refused with the reason.

Slices are ordered by their position along the normal of the slice plane, never by file name or instance
number. DICOM places voxels in LPS millimetres; the first two axes change sign on the way to RAS (DICOM PS3.3,
C.7.6.2.1.1).
"""

import logging
import re
from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.placement import LPS_TO_RAS, check_affine
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.dicom_files import (
    dicom_files,
    listed,
    normals_cross,
    other_than_slice,
    others_below,
    planes_cross,
    read_dicom,
    reading,
    series_folders,
)
from alcseg.data.readers.dicom_labels import label_files, with_labels
from alcseg.data.readers.dicom_slices import Slice, slices_in
from alcseg.data.readers.names import is_image_file, is_named_like_label
from alcseg.data.readers.nifti import holds_cases
from alcseg.data.unused import tell_unused
from alcseg.data.voxel_values import check_intensities
from alcseg.errors import DataError, GeometryError
from alcseg.listing import folders_below, has_folder, list_files
from alcseg.words import shorten

__all__ = [
    "DICOMReader",
    "ordered_slices",
    "read_numbered_series",
    "read_series",
    "series_folders",
    "series_name",
    "series_volume",
]

_log = logging.getLogger(__name__)

_GAP = 0.02  # Of the slice distance; positions are printed with a few decimals only.
_SAME_DIRECTION = (
    5e-4  # Of cosines, which are printed with few decimals: a quarter of a voxel over 500 of them.
)
_SAME_SPACING = 5e-4
_BESIDE = 0.1  # Of a pixel: how far a slice may lie beside its place.


class DICOMReader(Reader):
    """One series folder, or a folder of patients with one or more series below, and files that label them."""

    general = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether slices lie somewhere below `source`, and no NIfTI images made of them right in it."""
        return has_folder(source) and not holds_cases(source) and any(True for _ in series_folders(source))

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the series folders; series of one patient folder form a group. No pixel is read.

        SEG and RTSTRUCT files below `source` are the labels of the series that they refer to.
        """
        _refuse_labels(source)
        labels = label_files(source)
        found = self._found(source, labels)
        if not labels:
            return found
        cases, classes = with_labels(found.cases, labels, options)
        return replace(found, cases=cases, labels=classes if len(classes) > 1 else found.labels)

    def cases(self, source: Path, channels: int) -> tuple[SourceCase, ...]:
        """List the series alone, whatever lies beside them."""
        return self._found(source).cases

    def _found(self, source: Path, labels: Collection[Path] = ()) -> SourceDataset:
        folders = sorted(series_folders(source))
        known = {path.relative_to(source).as_posix() for path in labels}
        others = {name: kind for name, kind in others_below(source).items() if name not in known}
        if len(folders) > 1:
            crossed = [folder for folder in folders if planes_cross(folder)]
            folders = [folder for folder in folders if folder not in crossed]
            others |= {place.relative_to(source).as_posix(): "slices across one another" for place in crossed}
        if not folders:
            found = listed(others) or "none below it"
            raise DataError(f"{source}: expected a folder of DICOM slices, found {found}. Check the folder.")
        if others:
            _log.warning("%s: left out, since these are no volumes: %s", source, listed(others))
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


def _refuse_labels(source: Path) -> None:
    """Raise where files look like labels of the series, since none would be read."""
    files = [path for folder in folders_below(source) for path in list_files(folder) if is_image_file(path)]
    labels = [path for path in files if is_named_like_label(path)]
    if labels:
        raise DataError(
            f"{source}: expected DICOM series alone, whose cases are unlabeled, found {shorten(labels)}. "
            "Convert the series to NIfTI to import them with their labels, or move the labels out."
        )
    tell_unused(source, files)


def series_name(folder: Path, source: Path | None = None) -> str:
    """Name of the case in a series folder: the folders from `source` on, or its own alone.

    A blank, and a sign that no file name may have on some systems, as in `T2*`, is an underscore.
    """
    parts = () if source is None else folder.relative_to(source).parts
    return re.sub(r'[\s<>:"|?*\\]', "_", "_".join(parts or (folder.resolve().name,)))


def read_series(folder: Path) -> Volume:
    """Read the one series of a folder, rescaled to its stored units (such as HU), in RAS millimetres.

    Args:
        folder: Folder with the slices of one series; other files are passed over.

    Returns:
        Volume with axes (columns, rows, slices), float32; the affine holds the orientation, and
        the shear of slices that were taken with a tilted gantry.

    Raises:
        PackageError: If pydicom, or a decoder for the compression of the file, is not installed.
        DataError: If the folder holds no slices, several series, differing slices, or cannot be read.
        GeometryError: If slices are missing or doubled; the message names the positions.
    """
    return series_volume(ordered_slices(folder), folder)


def read_numbered_series(folder: Path) -> tuple[Volume, tuple[int, ...]]:
    """Read a series as `read_series` does, with the instance number of each slice along the last axis.

    Raises:
        DataError: As `read_series`, and if a slice has no number or two have the same.
    """
    slices = ordered_slices(folder)
    numbers = tuple(one.number for one in slices)
    if min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise DataError(
            f"{folder}: expected one instance number per slice, found {shorten(sorted(numbers))}. "
            "Download the series again."
        )
    return series_volume(slices, folder), numbers


def _load(folder: Path) -> CaseVolumes:
    return CaseVolumes(folder.name, (read_series(folder),), None)


def ordered_slices(folder: Path) -> list[Slice]:
    """The slices of one series by their position along the normal of the slice plane."""
    slices: list[Slice] = []
    others: dict[str, str] = {}
    for path in dicom_files(folder):
        one = read_dicom(path)
        with reading(path):
            other = other_than_slice(one)
        if other is None:
            slices += slices_in(one, path)
        else:
            others[path.name] = other
    if not slices:
        raise DataError(
            f"{folder}: expected DICOM slices, found {listed(others) or 'none'}. Check the folder."
        )
    slices, crossed = _without_crossed(slices)
    others |= crossed
    if others:
        _log.warning("%s: left out, since these are no slices of the series: %s", folder, listed(others))
    _require_one_series(slices, folder)
    across, down = np.split(_directions(slices), 2)
    normal = np.cross(across, down)
    return sorted(slices, key=lambda one: float(normal @ one.position))


def _without_crossed(slices: list[Slice]) -> tuple[list[Slice], dict[str, str]]:
    """Leave series out whose slices stand across one another, where there are others; and their files."""
    by_series: dict[str, list[Slice]] = {}
    for one in slices:
        by_series.setdefault(one.series, []).append(one)
    crossed = [series for series in by_series.values() if normals_cross([one.normal for one in series])]
    if len(crossed) == len(by_series):
        return slices, {}
    left_out = {one.path.name: "slices across one another" for series in crossed for one in series}
    return [one for series in by_series.values() if series not in crossed for one in series], left_out


def _directions(slices: list[Slice]) -> NDArray[np.float64]:
    """Directions of rows and of columns that slices share but for rounding, `(6,)`."""
    middle: NDArray[np.float64] = np.median([one.directions for one in slices], axis=0)
    return middle


def series_volume(slices: list[Slice], folder: Path) -> Volume:
    """The volume that slices in the order of their positions make; see `read_series`."""
    across, down = np.split(_directions(slices), 2)
    normal = np.cross(across, down)
    positions = np.array([one.position for one in slices])
    _require_even_steps(positions @ normal, folder)
    between_rows, between_columns = slices[0].spacing
    lps = np.eye(4)
    lps[:3, 0] = across * between_columns
    lps[:3, 1] = down * between_rows
    last = positions[-1] - positions[0]
    lps[:3, 2] = last / (len(slices) - 1) if len(slices) > 1 else normal * _thickness(slices[0])
    lps[:3, 3] = positions[0]
    _require_straight(lps, positions, folder)
    beside = float(np.linalg.norm(last - (last @ normal) * normal))
    if beside > _BESIDE * min(between_rows, between_columns):
        _log.warning(
            "%s: the last slice lies %.1f mm beside the first (a tilted gantry). The affine says so; tools "
            "built on ITK, such as 3D Slicer and nnU-Net, refuse a NIfTI file with such a shear",
            folder,
            beside,
        )
    if any(one.inverted for one in slices):
        _log.warning("%s: MONOCHROME1, low values are bright; turned round to be like other series", folder)
    array = np.stack([one.pixels() for one in slices], axis=2)
    check_intensities(array, folder)
    return Volume(array, check_affine(np.diag([*LPS_TO_RAS, 1.0]) @ lps, folder), None, folder)


def _require_one_series(slices: list[Slice], folder: Path) -> None:
    by_series: dict[str, int] = {}
    for one in slices:
        by_series[one.series] = by_series.get(one.series, 0) + 1
    if len(by_series) > 1:
        found = shorten(f"...{uid[-12:]} ({count} slices)" for uid, count in by_series.items())
        raise DataError(
            f"{folder}: expected one series, found {len(by_series)}: {found}. Put each into its own folder."
        )
    alike = all(
        one.size == slices[0].size
        and one.inverted == slices[0].inverted
        and np.allclose(one.spacing, slices[0].spacing, rtol=_SAME_SPACING)
        and np.allclose(one.directions, slices[0].directions, rtol=0, atol=_SAME_DIRECTION)
        for one in slices
    )
    if not alike:
        kinds = {(*one.size, *one.spacing, one.inverted, *one.directions.round(3).tolist()) for one in slices}
        found = shorten(
            f"{rows}x{columns} voxels of {between_rows:.4g}x{between_columns:.4g} mm along {cosines}"
            f"{', MONOCHROME1' * inverted}"
            for rows, columns, between_rows, between_columns, inverted, *cosines in sorted(kinds)
        )
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


def _thickness(one: Slice) -> float:
    """Slice distance in mm where one slice has no neighbor to measure it from."""
    if one.thickness is None:
        raise DataError(
            f"{one.path}: expected SpacingBetweenSlices or SliceThickness of the only slice, found neither. "
            "Add the other slices."
        )
    return one.thickness


def _require_straight(lps: NDArray[np.float64], positions: NDArray[np.float64], folder: Path) -> None:
    """Each slice lies where the affine puts it: gantry tilt is in the affine, a shift inside is not."""
    steps = np.arange(len(positions))[:, None]
    drift = float(np.abs(positions - (positions[0] + steps * lps[:3, 2])).max())
    allowed = _BESIDE * float(np.linalg.norm(lps[:3, :2], axis=0).min())
    if drift > allowed:
        raise GeometryError(
            f"{folder}: expected slices in a straight stack, found one {drift:.2f} mm beside it. "
            "Export the series again."
        )


def _places(heights: NDArray[np.float64]) -> str:
    return shorten((f"{height:.2f}" for height in heights), 3)
