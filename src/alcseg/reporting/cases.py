"""Volumes from files to the upright arrays that figures show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from alcseg.data.nifti import read_image, read_label
from alcseg.types import Affine, FloatArray, LabelMap, Spacing

__all__ = ["UprightCase", "read_upright"]


@dataclass(frozen=True, eq=False)
class UprightCase:
    """One case in RAS voxel order, all on one grid.

    Attributes:
        image: Intensities, `(X, Y, Z)`.
        labels: Name to label map, `(X, Y, Z)`.
        uncertainty: Scalar map, `(X, Y, Z)`, where there is one.
        spacing: Voxel size in mm.
    """

    image: FloatArray
    labels: dict[str, LabelMap]
    uncertainty: FloatArray | None
    spacing: Spacing


def read_upright(image: Path, labels: Mapping[str, Path], uncertainty: Path | None = None) -> UprightCase:
    """Read an image with its label maps and turn all by flips and permutes into RAS order.

    Raises:
        DataError: If a file cannot be read.
    """
    picture = read_image(image)
    maps = {name: read_label(path) for name, path in labels.items()}
    doubt = None
    if uncertainty is not None:
        nifti = nib.Nifti1Image.from_filename(uncertainty)  # not `read_image`: a map may be constant
        doubt = _upright(np.asarray(nifti.dataobj, dtype=np.float32), nifti.affine)
    order = np.argsort(nib.orientations.io_orientation(picture.affine)[:, 0])
    return UprightCase(
        _upright(picture.array, picture.affine),
        {name: _upright(volume.array, volume.affine) for name, volume in maps.items()},
        doubt,
        tuple(picture.spacing[axis] for axis in order),
    )


def _upright(array: NDArray[Any], affine: Affine) -> NDArray[Any]:
    """Turn an array by flips and permutes into RAS order."""
    turned: NDArray[Any] = nib.orientations.apply_orientation(array, nib.orientations.io_orientation(affine))
    return turned
