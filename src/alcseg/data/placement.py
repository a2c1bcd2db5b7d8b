"""Whether a header places voxels in space: what every reader asks of sizes, affine, steps and directions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from alcseg.errors import DataError, GeometryError
from alcseg.types import Affine

__all__ = ["LPS_TO_RAS", "check_affine", "check_directions", "check_shape", "check_steps", "shear_degrees"]

LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
"""What coordinates of DICOM and ITK (left, posterior, superior) are multiplied with, to be those of NIfTI."""

_FLAT = 1e-3  # Volume of the three unit axes: 1 where they are perpendicular, 0 where they lie in a plane.
_FARTHEST_MM, _SHORTEST_MM = 1e9, 1e-9
_NO_UNIT_VECTOR = 1e-3  # Off the squared length 1 or the cosine 0; headers are printed with a few digits.


def check_affine(affine: Any, path: Path) -> Affine:
    """An affine as float64, unless it cannot place voxels in space.

    Raises:
        GeometryError: If a number is not finite or astronomic, an axis has no length, the axes lie in a
            plane, or the last row is not 0, 0, 0, 1.
    """
    checked = np.array(affine, dtype=np.float64)
    if not (np.abs(checked) < _FARTHEST_MM).all() or not _axes_volume(checked) >= _FLAT:
        raise GeometryError(
            f"{path}: expected an affine that gives each voxel its place, found {checked[:3, :3].tolist()}. "
            "Repair the header."
        )
    if checked[3].tolist() != [0, 0, 0, 1]:
        raise GeometryError(
            f"{path}: expected an affine with the last row 0, 0, 0, 1, found {checked[3].tolist()}. "
            "Correct it."
        )
    return checked


def _axes_volume(affine: Affine) -> float:
    """Volume of the unit vectors along the axes; 0 where one has no length."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return float(abs(np.linalg.det(affine[:3, :3] / lengths))) if lengths.min() > _SHORTEST_MM else 0.0


def check_shape(shape: Sequence[int], path: Path) -> None:
    """Refuse a volume without a voxel.

    Raises:
        DataError: If an axis has none.
    """
    if min(shape, default=0) < 1:
        found = ", ".join(str(size) for size in shape)
        raise DataError(
            f"{path}: expected at least one voxel along each axis, found shape ({found}). Write it again."
        )


def check_steps(steps: Sequence[float], path: Path) -> None:
    """Refuse voxel sizes that are not positive and finite: a negative one would mirror the volume.

    Raises:
        GeometryError: If there is one.
    """
    if not all(0 < step < np.inf for step in steps):
        found = ", ".join(f"{step:g}" for step in steps)
        raise GeometryError(
            f"{path}: expected voxel sizes above 0 mm, found ({found}). Repair the header, or export again."
        )


def check_directions(first: ArrayLike, second: ArrayLike, path: Path) -> None:
    """Refuse direction cosines of two array axes that are not unit vectors at a right angle.

    Raises:
        GeometryError: If they are not, within one thousandth.
    """
    both = np.array([first, second], dtype=np.float64)
    if not np.abs(both @ both.T - np.eye(2)).max() < _NO_UNIT_VECTOR:  # nan is no number below either
        raise GeometryError(
            f"{path}: expected direction cosines of length 1 at a right angle, found {both.tolist()}. "
            "Export the scan again."
        )


def shear_degrees(affine: Affine) -> float:
    """By how many degrees the two array axes that are farthest from a right angle miss it."""
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.abs(unit.T @ unit - np.eye(3))
    return float(np.degrees(np.arcsin(min(1.0, cosines.max()))))
