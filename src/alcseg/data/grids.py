"""How far two grids lie apart that should be one, and what can be done about it."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import nibabel as nib
import numpy as np

from alcseg.data.case import Volume
from alcseg.data.geometry import directions
from alcseg.data.lattice import put_on
from alcseg.errors import GeometryError
from alcseg.types import Affine, LabelMap

__all__ = ["GridComparison", "compare_grids", "in_axes_of", "onto_grid", "require_same_grid"]

_SAME_GRID_VOXELS = 1e-3
_FIX = "If the voxels do match, `alcseg check DATASET --fix` gives the label the image's grid."


@dataclass(frozen=True)
class GridComparison:
    """How two grids that should be one differ.

    Attributes:
        grade: `ok` below 0.001 voxel of drift; `repairable` where only the header is off, or a label map
            covers a part of the grid, or its axes have another order or direction; `fatal` otherwise.
        difference: What differs, for a message; empty if the grade is `ok`.
    """

    grade: Literal["ok", "repairable", "fatal"]
    difference: str


def compare_grids(reference: Volume, other: Volume) -> GridComparison:
    """Grade how well `other` lies on the grid of `reference`.

    Equal shapes with different headers are repairable by copying the header, unless the axes of the two run
    in different directions: then the copy might mirror or turn the voxels, and only the owner knows which is
    right, unless both headers put their voxels in the same places. A header without any position (no form
    codes, or a unit affine) says nothing and is repairable; where `reference` has no form codes and the
    spacings agree, there is nothing to repair.
    """
    if reference.shape == other.shape and np.array_equal(reference.affine, other.affine):
        return GridComparison("ok", "")  # nearly always; what follows takes a millisecond
    axes, other_axes = (_axis_codes(volume.affine) for volume in (reference, other))
    if in_axes_of(reference, other) is not other:
        return GridComparison("repairable", f"axes {other_axes} instead of {axes} on the same grid,")
    if reference.shape != other.shape:
        difference = f"shape {other.shape} instead of {reference.shape}"
        if _placed_part(reference, other) is not None:
            return GridComparison("repairable", f"{difference}, a part of the same grid,")
        return GridComparison("fatal", difference)
    drift = _drift(reference.affine, other.affine, reference.shape)
    if drift < _SAME_GRID_VOXELS * min(reference.spacing):
        return GridComparison("ok", "")
    same_spacing = np.allclose(reference.spacing, other.spacing, rtol=1e-3, atol=0)
    if same_spacing and _has_no_form(reference):
        return GridComparison("ok", "")
    if axes != other_axes and not (_says_nothing(other) or _says_nothing(reference)):
        return GridComparison("fatal", f"axes {other_axes} instead of {axes}, {drift:.3g} mm apart")
    detail = "" if same_spacing else f", spacing {_mm(other)} instead of {_mm(reference)} mm"
    return GridComparison("repairable", f"positions up to {drift:.3g} mm apart{detail}")


def require_same_grid(reference: Volume, other: Volume, case_id: str, *, remedy: str = _FIX) -> None:
    """Raise unless `other` lies on the grid of `reference`.

    Args:
        reference: What is relied on.
        other: What should lie on its grid.
        case_id: For the message.
        remedy: What to do where the grade is `repairable`.

    Raises:
        GeometryError: If it does not; the message says whether that can be repaired.
    """
    found = compare_grids(reference, other)
    if found.grade == "ok":
        return
    if found.grade == "fatal":
        remedy = "Resample it to the image's grid, or leave the case out."
    raise GeometryError(
        f"case '{case_id}': expected {other.path} on the grid of {reference.path}, "
        f"found {found.difference}. {remedy}"
    )


def in_axes_of(reference: Volume, label: Volume) -> Volume:
    """A label map with its axes in the order and directions of `reference`, where both are one grid.

    It is given back as it is where its axes are those already, where the two do not cover the same places,
    and where a header says nothing of places. Nothing is resampled.
    """
    if (
        label.array.dtype.kind not in "iu"
        or sorted(label.shape) != sorted(reference.shape)
        or _axis_codes(label.affine) == _axis_codes(reference.affine)
        or _says_nothing(label)
        or _says_nothing(reference)
    ):
        return label
    turned = put_on(replace(label, array=np.ones(label.shape, np.uint8)), reference)
    if not np.array_equal(turned.affine, reference.affine) or not turned.array.all():
        return label
    placed = put_on(label, reference)
    if label.known is None:
        return placed
    known = put_on(replace(label, array=label.known.astype(np.uint8)), reference).array
    return replace(placed, known=known.astype(bool))


def onto_grid(reference: Volume, label: Volume) -> LabelMap:
    """The voxels of a label map that is no worse than `repairable`, with 0 where it does not reach.

    A label of the shape of `reference` is given as it is, but for the order of its axes. One that was saved
    in the extent of its segments is put where it lies.

    Raises:
        GeometryError: If it has another shape and is no part of the grid.
    """
    label = in_axes_of(reference, label)
    if reference.shape == label.shape:
        return label.array
    placed = _placed_part(reference, label)
    if placed is None:
        raise GeometryError(
            f"{label.path}: expected a part of the grid of {reference.path}, found shape {label.shape}. "
            "Resample it to the image's grid, or leave the case out."
        )
    return placed


def _placed_part(reference: Volume, label: Volume) -> LabelMap | None:
    """A label map that covers a part of the grid of `reference`, on the whole of it; None if it does not.

    None, too, for images, where something other than 0 lies outside of `reference`, and where the two begin
    at the same voxel: then slices may as well have been lost.
    """
    if label.array.dtype.kind not in "iu" or _says_nothing(label) or _says_nothing(reference):
        return None
    shifted = np.eye(4)
    shifted[:3, 3] = np.rint((np.linalg.inv(reference.affine) @ label.affine)[:3, 3])
    drift = _drift(reference.affine @ shifted, label.affine, label.shape)
    if not shifted[:3, 3].any() or drift >= _SAME_GRID_VOXELS * min(reference.spacing):
        return None
    placed = put_on(label, reference)
    return None if placed is label else placed.array


def _drift(one: Affine, other: Affine, shape: tuple[int, ...]) -> float:
    """How far two affines put the corner of a volume apart, in mm, where they differ most."""
    corners = np.array([[*corner, 1] for corner in product(*((-0.5, size - 0.5) for size in shape))])
    return float(np.linalg.norm(corners @ (other - one).T, axis=1).max())


def _axis_codes(affine: Affine) -> str:
    return "".join(code or "?" for code in nib.orientations.ornt2axcodes(directions(affine)))


def _says_nothing(volume: Volume) -> bool:
    return _has_no_form(volume) or bool(np.array_equal(volume.affine, np.eye(4)))


def _has_no_form(volume: Volume) -> bool:
    header = volume.header
    return header is not None and bool(header["sform_code"] == 0 and header["qform_code"] == 0)


def _mm(volume: Volume) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in volume.spacing) + ")"
