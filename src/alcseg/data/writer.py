"""Arrays back to disk on the grid of the file they belong to, whole or not at all.

The same array gives the same bytes: the gzip header carries neither time nor name.
"""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.nifti_file import mm_per_unit, nifti_stem
from alcseg.data.voxel_values import smallest_type
from alcseg.errors import ShapeError, UsageError
from alcseg.files import atomic_path
from alcseg.types import Affine, LabelMap

__all__ = ["compress", "renamed", "write_image", "write_label", "write_map"]

_SAME_PLACE_VOXELS = 0.01
_GZIP_LEVEL = 1  # Float noise hardly shrinks at higher levels, and labels are small at any.


def renamed(values: LabelMap, mapping: Mapping[int, int]) -> LabelMap:
    """A label map with other values in place of those that are named; the same one where none of them is."""
    changes = {old: new for old, new in mapping.items() if old != new and (values == old).any()}
    if not changes:
        return values
    wide = values.astype(np.int64)
    for old, new in changes.items():
        wide[values == old] = new
    return wide


def write_label(path: Path, values: LabelMap, like: Volume) -> None:
    """Write a label map `(X, Y, Z)` on the grid of `like`, in the smallest integer type that holds it.

    Affine, both form codes and units are those of `like`; scaling, display range, intent and description are
    reset. Where `like` was no NIfTI and its affine has a shear, the sform alone holds it.

    Raises:
        ShapeError: If the shapes differ.
        UsageError: If `path` does not end in `.nii` or `.nii.gz`.
    """
    _write(path, values.astype(smallest_type(values)), like)


def write_map(path: Path, values: NDArray[Any], like: Volume) -> None:
    """Write a float32 map on the grid of `like`: an uncertainty `(X, Y, Z)` or probabilities `(X, Y, Z, K)`.

    Raises:
        ShapeError: If the shapes differ.
        UsageError: If `path` does not end in `.nii` or `.nii.gz`.
    """
    _write(path, values.astype(np.float32, copy=False), like)


def write_image(path: Path, volume: Volume) -> None:
    """Write a volume that did not come as NIfTI, in its own type.

    Raises:
        UsageError: If `path` does not end in `.nii` or `.nii.gz`.
    """
    _write(path, volume.array, volume)


def compress(source: Path, target: Path) -> None:
    """Write the bytes of `source` as the gzip file `target`."""
    with (
        atomic_path(target) as partial,
        source.open("rb") as plain,
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed,
    ):
        while block := plain.read(1 << 20):
            packed.write(block)


def _write(path: Path, array: NDArray[Any], like: Volume) -> None:
    if array.shape[:3] != like.array.shape:
        raise ShapeError(f"{path}: expected shape {like.shape} as in {like.path}, found {array.shape}.")
    if nifti_stem(path) is None:
        raise UsageError(f"{path}: expected a name that ends in .nii or .nii.gz. Rename the output.")
    nifti = _nifti(array, like)
    with atomic_path(path) as partial, partial.open("wb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0) as packed:
                nifti.to_stream(packed)
        else:
            nifti.to_stream(raw)


def _nifti(array: NDArray[Any], like: Volume) -> nib.Nifti1Image:
    header = like.header
    kind: Any = nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    if header is None:
        nifti: nib.Nifti1Image = kind(array, like.affine, dtype=array.dtype)
        nifti.set_sform(like.affine, code=1)
        nifti.set_qform(like.affine, code=int(_is_rigid(nifti, like)))
        nifti.header.set_xyzt_units("mm")
        return nifti
    header = header.copy()
    header.set_data_dtype(array.dtype)
    header.set_slope_inter(None, None)
    header.set_intent("none")
    header["cal_min"] = header["cal_max"] = 0
    header["descrip"] = b""
    header.extensions.clear()
    # nibabel leaves the forms of a header alone whose affine agrees, and that of a header as read does.
    made: nib.Nifti1Image = kind(array, _in_unit_of(header, like.affine), header)
    return made


def _is_rigid(nifti: nib.Nifti1Image, like: Volume) -> bool:
    """Whether a quaternion and three zooms, all that a qform can hold, place the voxels as the affine does.

    ITK reads the qform where the sform has a shear, so one that has lost the shear would move the volume.
    """
    header = nifti.header.copy()
    header.set_qform(like.affine, code=1)
    drift = np.abs(header.get_qform() - like.affine) @ [*like.shape, 1]
    return bool(drift.max() < _SAME_PLACE_VOXELS * min(like.spacing))


def _in_unit_of(header: nib.Nifti1Header, affine: Affine) -> Affine:
    stored = affine.copy()
    stored[:3] /= mm_per_unit(header)
    return stored
