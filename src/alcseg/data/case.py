"""A volume on its own grid, and a case: the images of one patient visit with their label."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from alcseg.data.placement import shear_degrees
from alcseg.types import Affine, FloatArray, Mask, Spacing

__all__ = ["CaseVolumes", "Volume", "affine_spacing"]

_NO_SHEAR = 0.1  # degrees; headers round to a few digits


def affine_spacing(affine: Affine) -> Spacing:
    """Voxel size in mm per array axis: the column norms of `affine`, never a header's `pixdim`."""
    x, y, z = np.sqrt(np.square(affine[:3, :3]).sum(axis=0))
    return float(x), float(y), float(z)


@dataclass(frozen=True, eq=False)
class Volume:
    """One 3D array in the voxel order of its file.

    Attributes:
        array: Voxels, `(X, Y, Z)`.
        affine: Voxel index to RAS millimetres, `(4, 4)`, whatever the unit of the header.
        header: NIfTI header of the source with its form codes and units; None if the source had none.
        path: Where the volume came from, for messages.
        rounded: Whether label values came scaled, and near to whole numbers only.
        known: Of a label: voxels that somebody labeled, bool, `(X, Y, Z)`; the others are background in
            `array`. None where all are known.
    """

    array: NDArray[Any]
    affine: Affine
    header: nib.Nifti1Header | None
    path: Path
    rounded: bool = False
    known: Mask | None = None

    @property
    def spacing(self) -> Spacing:
        """Voxel size in mm, in axis order."""
        return affine_spacing(self.affine)

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel in mm^3, right for sheared grids, too."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def sheared_axes(self) -> FloatArray | None:
        """Unit vectors along the axes as columns, `(3, 3)`; None where they are perpendicular."""
        if shear_degrees(self.affine) < _NO_SHEAR:
            return None
        axes: FloatArray = self.affine[:3, :3] / np.array(self.spacing)
        return axes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along each axis."""
        x, y, z = self.array.shape
        return x, y, z


@dataclass(frozen=True, eq=False)
class CaseVolumes:
    """The images of one case, one per channel and all on one grid, and the label if there is one."""

    case_id: str
    images: tuple[Volume, ...]
    label: Volume | None
