"""One case from an h5 file with the keys `image` and `label`, as the community hands volumes round."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.placement import check_steps
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.errors import DataError, PackageError, ShapeError
from alcseg.listing import require_content
from alcseg.types import LabelMap, Spacing

__all__ = ["read_h5_case", "read_h5_label", "read_h5_shape"]

_MOST_PACKED = 10_000  # bytes of a volume to one in the file; gzip reaches 1,032


def read_h5_case(path: Path, case_id: str, spacing: Spacing, *, with_label: bool = True) -> CaseVolumes:
    """Read image and label of one h5 file, which has no spacing of its own.

    Args:
        path: File with the keys `image` and `label`, both `(X, Y, Z)`.
        case_id: Name of the case.
        spacing: Voxel size in mm.
        with_label: Whether to read the label, which need not be there otherwise.

    Raises:
        PackageError: If h5py is not installed.
        DataError: If the file cannot be read, lacks a key, or holds an unusable image or label.
        ShapeError: If image and label are not 3D arrays of one shape.
        GeometryError: If a voxel size is not above 0.
    """
    check_steps(spacing, path)
    affine = np.diag([*spacing, 1.0])
    with _opened(path) as file:
        image = np.asarray(_volume(file, "image", path), dtype=np.float32)
        label = np.asarray(_volume(file, "label", path)) if with_label else None
    if label is not None and image.shape != label.shape:
        raise ShapeError(
            f"{path}: expected a 3D image and a label of its shape, found {image.shape} and {label.shape}. "
            "Check the file."
        )
    check_intensities(image, path)
    values = None if label is None else Volume(whole_numbers(label, path), affine, None, path)
    return CaseVolumes(case_id, (Volume(image, affine, None, path),), values)


def read_h5_label(path: Path) -> LabelMap:
    """The label alone, `(X, Y, Z)`; see `read_h5_case`."""
    with _opened(path) as file:
        label: NDArray[Any] = np.asarray(_volume(file, "label", path))
    return whole_numbers(label, path)


def read_h5_shape(path: Path) -> tuple[int, int, int]:
    """Shape of the image, of which no voxel is read; see `read_h5_case`."""
    with _opened(path) as file:
        x, y, z = _volume(file, "image", path).shape
    return x, y, z


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The open file; whatever h5py finds wrong while it is open is a line."""
    try:
        import h5py
    except ImportError:
        raise PackageError('reading h5 files needs h5py: pip install "alcseg[h5]"') from None
    require_content(path)
    try:
        with h5py.File(path) as file:
            yield file
    except (OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path}: expected a whole h5 file, cannot read it ({reason:.200}). Copy it again."
        ) from None


def _volume(file: Any, key: str, path: Path) -> Any:
    """The data set under a key, not read yet, if it is a volume of numbers that the file itself holds."""
    if key not in file:
        raise DataError(
            f"{path}: expected the keys image and label, found {sorted(map(str, file))!r:.200}. "
            "Check the file."
        )
    found = file[key]
    shape = getattr(found, "shape", None)
    if shape is None:
        raise DataError(f"{path}: expected a volume under '{key}', found {found!r:.100}. Check the file.")
    if len(shape) != 3 or 0 in shape:
        raise ShapeError(f"{path}: expected a 3D volume under '{key}', found shape {shape}. Check the file.")
    if found.dtype.kind not in "biuf":
        raise DataError(f"{path}: expected numbers under '{key}', found {found.dtype}. Check the file.")
    stored, size = found.id.get_storage_size(), found.size * found.dtype.itemsize
    if found.is_virtual or found.external or size > _MOST_PACKED * stored:
        raise DataError(
            f"{path}: expected the voxels of '{key}' in the file, found {stored} bytes of {size}. "
            "Copy the file again, or write its data into it."
        )
    return found
