"""Volumes from files to the upright arrays that figures show."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import affine_spacing
from alcseg.data.formats import read_label
from alcseg.data.nifti import read_image, read_map
from alcseg.types import Affine, FloatArray, LabelMap, Spacing

__all__ = ["UprightCase", "read_upright", "upright_case"]


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


def read_upright(
    image: Path,
    labels: Mapping[str, Path],
    uncertainty: Path | None = None,
    classes: Mapping[str, int] | None = None,
) -> UprightCase:
    """Read an image with its label maps and turn all into RAS order.

    Args:
        image: Its file.
        labels: Files of label maps by what they are, of any format.
        uncertainty: File of a map.
        classes: Name to value, background first, for label maps that name their classes.

    Raises:
        DataError: If a file cannot be read.
    """
    picture = read_image(image)
    maps = {name: read_label(path, classes, picture).array for name, path in labels.items()}
    doubt = None if uncertainty is None else read_map(uncertainty)
    return upright_case(picture.array, picture.affine, maps, doubt)


def upright_case(
    image: FloatArray, affine: Affine, labels: Mapping[str, LabelMap], uncertainty: FloatArray | None = None
) -> UprightCase:
    """Turn arrays on one grid by flips and permutes into RAS order."""
    order = np.argsort(nib.orientations.io_orientation(affine)[:, 0])
    spacing = affine_spacing(affine)
    return UprightCase(
        _upright(image, affine),
        {name: _upright(label, affine) for name, label in labels.items()},
        None if uncertainty is None else _upright(uncertainty, affine),
        tuple(spacing[axis] for axis in order),
    )


def _upright(array: NDArray[Any], affine: Affine) -> NDArray[Any]:
    """Turn an array by flips and permutes into RAS order."""
    turned: NDArray[Any] = nib.orientations.apply_orientation(array, nib.orientations.io_orientation(affine))
    return turned
