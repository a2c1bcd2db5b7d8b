"""NIfTI files in, checked at the door; and how far two grids lie apart.

Files are read with nibabel, which keeps header and affine as they are; ITK refuses affines that are not
orthonormal.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.errors import DataError, GeometryError, LabelError
from alcseg.types import Affine
from alcseg.words import shorten

__all__ = [
    "MANY_VALUES",
    "GridComparison",
    "check_affine",
    "check_intensities",
    "compare_grids",
    "nifti_stem",
    "read_grid",
    "read_image",
    "read_label",
    "read_map",
    "require_not_negative",
    "require_same_grid",
    "whole_numbers",
]

_ENDINGS = (".nii.gz", ".nii")
_SAME_GRID_VOXELS = 1e-3
MANY_VALUES = 50
"""More values than any label map holds: an image was taken for one."""


@dataclass(frozen=True)
class GridComparison:
    """How two grids that should be one differ.

    Attributes:
        grade: `ok` below 0.001 voxel of drift; `repairable` where only the header is off; `fatal` otherwise.
        difference: What differs, for a message; empty if the grade is `ok`.
    """

    grade: Literal["ok", "repairable", "fatal"]
    difference: str


def nifti_stem(path: Path) -> str | None:
    """File name without `.nii` or `.nii.gz`; None if it has neither."""
    return next((path.name[: -len(end)] for end in _ENDINGS if path.name.endswith(end)), None)


def read_image(path: Path) -> Volume:
    """Read one 3D image as float32, with the scaling of its header applied.

    Raises:
        DataError: If the file is absent, truncated, not 3D NIfTI, constant, or holds NaN or infinite values.
        GeometryError: If its affine cannot place voxels in space.
    """
    nifti = _open(path)
    try:
        array = nifti.get_fdata(dtype=np.float32, caching="unchanged")
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from None
    check_intensities(array, path)
    return Volume(array, check_affine(nifti.affine, path), nifti.header, path)


def read_label(path: Path) -> Volume:
    """Read one 3D label map as integers; floats are accepted if every value is a whole number.

    Raises:
        DataError: If the file is absent, truncated or not 3D NIfTI.
        LabelError: If values are fractional or not finite.
        GeometryError: If its affine cannot place voxels in space.
    """
    nifti = _open(path)
    try:
        array = np.asanyarray(nifti.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from None
    return Volume(whole_numbers(array, path), check_affine(nifti.affine, path), nifti.header, path)


def read_map(path: Path) -> NDArray[np.float32]:
    """Read what was computed per voxel, float32; it may be constant, and have classes along a fourth axis.

    Raises:
        DataError: If the file is absent or truncated.
    """
    try:
        return np.asarray(nib.Nifti1Image.from_filename(path).dataobj, dtype=np.float32)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a NIfTI file, found none. Check the path.") from None
    except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from None


def read_grid(path: Path) -> tuple[tuple[int, int, int], Affine]:
    """Shape and affine of a 3D file from its header alone.

    Raises:
        DataError: If the file is absent or not 3D NIfTI.
        GeometryError: If its affine cannot place voxels in space.
    """
    nifti = _open(path)
    x, y, z = nifti.shape
    return (x, y, z), check_affine(nifti.affine, path)


def check_affine(affine: Any, path: Path) -> Affine:
    """An affine as float64, unless it cannot place voxels in space.

    Raises:
        GeometryError: If it cannot.
    """
    checked = np.array(affine, dtype=np.float64)
    if not np.isfinite(checked).all() or abs(np.linalg.det(checked[:3, :3])) < 1e-12:
        raise GeometryError(
            f"{path}: expected an affine that gives each voxel its place, found {checked[:3, :3].tolist()}. "
            "Repair the header."
        )
    return checked


def check_intensities(array: NDArray[Any], path: Path) -> None:
    """Refuse an image with NaN or infinite values and one that is the same everywhere.

    Raises:
        DataError: If the image is one of these.
    """
    bad = array.size - int(np.count_nonzero(np.isfinite(array)))
    if bad:
        raise DataError(
            f"{path}: expected finite intensities, found {bad} NaN or infinite voxels of {array.size}. "
            "Replace them or leave the case out."
        )
    if array.min() == array.max():
        raise DataError(
            f"{path}: expected an image, found the value {array.flat[0]:g} everywhere. "
            "Replace the file or leave the case out."
        )


def whole_numbers(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """A label map as integers in native byte order, values unchanged.

    Raises:
        LabelError: If a value is fractional or not finite.
    """
    if array.dtype.kind in "iub":
        return array.astype(
            np.uint8 if array.dtype.kind == "b" else array.dtype.newbyteorder("="), copy=False
        )
    wrong = array[~(array == np.rint(array)) | ~np.isfinite(array)]
    if wrong.size:
        values = np.unique(wrong)
        hint = (
            "With this many different values it looks like an image or a probability map."
            if values.size > MANY_VALUES
            else "Round the labels, or resample them with nearest neighbour."
        )
        raise LabelError(
            f"{path}: expected whole-number labels, found {shorten(f'{value:g}' for value in values)} "
            f"in {wrong.size} voxels. {hint}"
        )
    low, high = (int(array.min()), int(array.max())) if array.size else (0, 0)
    return array.astype(np.result_type(np.min_scalar_type(low), np.min_scalar_type(high)))


def require_not_negative(values: Iterable[int], path: Path) -> None:
    """Refuse label values below 0, which neither nnU-Net nor an unsigned file can hold.

    Raises:
        LabelError: If there is one.
    """
    below = sorted(value for value in values if value < 0)
    if below:
        raise LabelError(
            f"{path}: expected label values of 0 and above, found {shorten(below)}. "
            f"Import with --label-map={below[0]}=0, or whichever class is meant."
        )


def compare_grids(reference: Volume, other: Volume) -> GridComparison:
    """Grade how well `other` lies on the grid of `reference`.

    Equal shapes with different headers are repairable by copying the header, unless the axes of the two run
    in different directions: then the copy might mirror or turn the voxels, and only the owner knows which is
    right. A header without any position (unit affine) says nothing and is repairable.
    """
    if reference.shape != other.shape:
        return GridComparison("fatal", f"shape {other.shape} instead of {reference.shape}")
    corners = np.array(
        [[*corner, 1] for corner in product(*((-0.5, size - 0.5) for size in reference.shape))]
    )
    drift = float(np.linalg.norm(corners @ (other.affine - reference.affine).T, axis=1).max())
    if drift < _SAME_GRID_VOXELS * min(reference.spacing):
        return GridComparison("ok", "")
    axes, other_axes = (_axis_codes(volume.affine) for volume in (reference, other))
    if axes != other_axes and not _says_nothing(other):
        return GridComparison("fatal", f"axes {other_axes} instead of {axes}, {drift:.3g} mm apart")
    detail = ""
    if not np.allclose(reference.spacing, other.spacing, rtol=1e-3):
        detail = f", spacing {_mm(other)} instead of {_mm(reference)} mm"
    return GridComparison("repairable", f"positions up to {drift:.3g} mm apart{detail}")


def require_same_grid(reference: Volume, other: Volume, case_id: str) -> None:
    """Raise unless `other` lies on the grid of `reference`.

    Raises:
        GeometryError: If it does not; the message says whether `alcseg check --fix` can repair it.
    """
    found = compare_grids(reference, other)
    if found.grade == "ok":
        return
    remedy = (
        "If the voxels do match, `alcseg check DATASET --fix` copies the image's header into the label."
        if found.grade == "repairable"
        else "Resample it to the image's grid, or leave the case out."
    )
    raise GeometryError(
        f"case '{case_id}': expected {other.path} on the grid of {reference.path}, "
        f"found {found.difference}. {remedy}"
    )


def _open(path: Path) -> nib.Nifti1Image:
    if nifti_stem(path) is None:
        raise DataError(f"{path}: expected a NIfTI file (.nii or .nii.gz). Convert it first.")
    try:
        nifti = nib.load(path)
    except FileNotFoundError:
        raise DataError(f"{path}: expected a NIfTI file, found none. Check the path.") from None
    except (ImageFileError, OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from None
    if not isinstance(nifti, nib.Nifti1Image):
        raise DataError(f"{path}: expected a NIfTI file, found {type(nifti).__name__}. Convert it first.")
    if len(nifti.shape) != 3:
        raise DataError(
            f"{path}: expected one 3D volume, found {len(nifti.shape)}D of shape {nifti.shape}. Write each "
            "channel or time point into a file of its own: <case>_0000.nii.gz, <case>_0001.nii.gz, ..."
        )
    kind = nifti.get_data_dtype()
    if kind.fields is not None or kind.kind not in "iuf":
        raise DataError(
            f"{path}: expected one number per voxel, found type {kind}. Convert it to gray values."
        )
    return nifti


def _unreadable(path: Path, error: Exception) -> DataError:
    reason = str(error).strip().split("\n")[0] or type(error).__name__
    return DataError(
        f"{path}: expected a whole NIfTI file, cannot read it ({reason}). Copy or export it again."
    )


def _axis_codes(affine: Affine) -> str:
    return "".join(code or "?" for code in nib.orientations.aff2axcodes(affine))


def _says_nothing(volume: Volume) -> bool:
    if volume.header is not None and volume.header["sform_code"] == 0 and volume.header["qform_code"] == 0:
        return True
    return bool(np.array_equal(volume.affine, np.eye(4)))


def _mm(volume: Volume) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in volume.spacing) + ")"
