"""DICOM structure sets (RTSTRUCT): contours in planes, drawn onto the grid of the series as masks.

A voxel is inside where its center is. Contours of one structure in one plane count as even and odd, so that a
contour within another cuts a hole, and one that runs to its hole and back (a keyhole) does too.

Source:
    https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_C.8.8.6.html
"""

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.path import Path as Outline

from alcseg.data.case import Volume
from alcseg.data.formats.segments import Segment, Segments
from alcseg.data.placement import LPS_TO_RAS
from alcseg.errors import DataError, GeometryError
from alcseg.types import FloatArray, Mask

__all__ = ["read_rtstruct", "rtstruct_values"]

_log = logging.getLogger(__name__)

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_OFF_PLANE = 0.25  # Of the slice distance: how far a contour may lie beside the plane of its slice.


def rtstruct_values(one: Any, path: Path) -> dict[str, int]:
    """Name and number of each structure that has a closed contour.

    Raises:
        DataError: If there is none.
    """
    drawn = {number for number, contours in _contours(one, path).items() if contours}
    found = {
        str(item.ROIName): int(item.ROINumber)
        for item in one.get("StructureSetROISequence", ())
        if int(item.ROINumber) in drawn
    }
    if not found:
        raise DataError(f"{path}: expected structures with closed contours, found none. Export it again.")
    return found


def read_rtstruct(one: Any, path: Path, like: Volume | None) -> Segments:
    """The structures on the grid of the series.

    Args:
        one: The data set.
        path: Of the file.
        like: The image; contours have no grid of their own.

    Raises:
        DataError: If it has no contour, or there is no image.
        GeometryError: If contours lie across the slices or between them.
    """
    if like is None:
        raise DataError(
            f"{path}: expected an image beside an RTSTRUCT, whose contours have no grid of their own, found "
            "none. Import it with its series."
        )
    names = rtstruct_values(one, path)
    contours = _contours(one, path)
    to_voxels = np.linalg.inv(like.affine)
    placed = {
        number: [points @ to_voxels[:3, :3].T + to_voxels[:3, 3] for points in group]
        for number, group in contours.items()
    }
    axis = _plane_axis([points for group in placed.values() for points in group], path)
    parts = tuple(
        Segment(name, number, partial(_draw, name, placed[number], axis, like, path))
        for name, number in names.items()
    )
    return Segments(parts, like.shape, like.affine, path)


def _contours(one: Any, path: Path) -> dict[int, list[FloatArray]]:
    """Corners of the closed contours of each structure, `(N, 3)` in RAS millimetres."""
    found: dict[int, list[FloatArray]] = {}
    for item in one.get("ROIContourSequence", ()):
        group = found.setdefault(int(item.ReferencedROINumber), [])
        for contour in item.get("ContourSequence", ()):
            if contour.ContourGeometricType not in _CLOSED:
                continue
            numbers = np.asarray(contour.get("ContourData") or (), dtype=float)
            if numbers.size < 9 or numbers.size % 3 or not np.isfinite(numbers).all():
                raise DataError(
                    f"{path}: expected three corners or more for a contour, found {numbers.size} numbers. "
                    "Export it again."
                )
            group.append(numbers.reshape(-1, 3) * LPS_TO_RAS)
    return found


def _plane_axis(contours: Sequence[FloatArray], path: Path) -> int:
    """The array axis across which all contours lie."""
    depth = np.max([np.ptp(points, axis=0) for points in contours], axis=0, initial=0)
    axis = int(depth.argmin())
    if depth[axis] > _OFF_PLANE:
        raise GeometryError(
            f"{path}: expected contours in the planes of the slices, found one {depth[axis]:.2f} deep. "
            "Name the series that they were drawn in."
        )
    return axis


def _draw(name: str, contours: Sequence[FloatArray], axis: int, like: Volume, path: Path) -> Mask:
    mask = np.zeros(like.shape, dtype=bool)
    planes = np.moveaxis(mask, axis, 0)
    seen = set()
    for points in contours:
        height = float(points[:, axis].mean())
        plane = round(height)
        if abs(height - plane) > _OFF_PLANE or not 0 <= plane < len(planes):
            raise GeometryError(
                f"{path}: expected the contours of '{name}' in the slices 0 to {len(planes) - 1} of "
                f"{like.path}, found one at {height:.2f}. Name the series that they were drawn in."
            )
        seen.add(plane)
        planes[plane] ^= _filled(np.delete(points, axis, axis=1), planes.shape[1:])
    if gaps := sorted(set(range(min(seen), max(seen))) - seen):
        _log.warning(
            "%s: '%s' has no contour in %d slices between others, which stay empty", path, name, len(gaps)
        )
    return mask


def _filled(corners: FloatArray, shape: tuple[int, ...]) -> Mask:
    """Pixels whose centers lie in a polygon, whose corners are given in pixels."""
    inside = np.zeros(shape, dtype=bool)
    low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, shape)
    high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, shape)
    if (high <= low).any():
        return inside
    grid = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
    found = Outline(corners).contains_points(grid.reshape(-1, 2))
    inside[low[0] : high[0], low[1] : high[1]] = found.reshape(grid.shape[:2])
    return inside
