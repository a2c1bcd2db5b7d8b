"""Images, label maps and grids out of NIfTI files, checked at the door."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.nifti_file import NiftiFile
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.types import Affine

__all__ = ["read_channels", "read_grid", "read_image", "read_label", "read_map"]


def read_image(path: Path) -> Volume:
    """Read one 3D image as float32, with the scaling and the unit of its header applied.

    Raises:
        DataError: If the file is absent, damaged, not 3D NIfTI, constant, or holds NaN or infinite values.
        GeometryError: If its affine cannot place voxels in space.
    """
    file = NiftiFile.open(path)
    file.require_volume()
    array = _as_float32(file.voxels())
    check_intensities(array, path)
    return Volume(array, file.affine, file.header, path)


def read_channels(path: Path) -> tuple[Volume, ...]:
    """Read a file with the channels of a case along its fourth axis, as one image each.

    Raises:
        DataError: As `read_image`, and if it has more than four axes.
        GeometryError: If its affine cannot place voxels in space.
    """
    file = NiftiFile.open(path)
    if len(file.shape) != 4:
        return (read_image(path),)
    channels = np.moveaxis(_as_float32(file.voxels()), 3, 0)
    for channel in channels:
        check_intensities(channel, path)
    return tuple(Volume(channel, file.affine, file.header, path) for channel in channels)


def read_label(path: Path) -> Volume:
    """Read one 3D label map as integers; floats are accepted if every value is a whole number.

    Where the header scales what is stored, a value within half of its slope of a whole number is that number;
    `Volume.rounded` says then that there was such a value.

    Raises:
        DataError: If the file is absent, damaged or not 3D NIfTI.
        LabelError: If values are fractional or not finite.
        GeometryError: If its affine cannot place voxels in space.
    """
    file = NiftiFile.open(path)
    file.require_volume()
    values = file.voxels()
    whole = whole_numbers(values, path, slope=file.slope)
    rounded = values.dtype.kind == "f" and not np.array_equal(values, whole)
    return Volume(whole, file.affine, file.header, path, rounded)


def read_map(path: Path) -> NDArray[np.float32]:
    """Read what was computed per voxel, float32; it may be constant, and have classes along a fourth axis.

    Raises:
        DataError: If the file is absent or damaged.
    """
    return _as_float32(NiftiFile.open(path).voxels())


def read_grid(path: Path) -> tuple[tuple[int, int, int], Affine]:
    """Shape and affine of a 3D file from its header alone.

    Raises:
        DataError: If the file is absent or not 3D NIfTI.
        GeometryError: If its affine cannot place voxels in space.
    """
    file = NiftiFile.open(path)
    return file.require_volume(), file.affine


def _as_float32(values: NDArray[np.generic]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what becomes infinite is told by the check of intensities
        return values.astype(np.float32, copy=False)
