"""What to know about a NIfTI header that can be used: where other tools read another place out of it."""

from collections.abc import Iterator
from itertools import product

import nibabel as nib
import numpy as np

from alcseg.data.case import Volume
from alcseg.data.nifti_file import mm_per_unit
from alcseg.data.placement import check_affine, shear_degrees
from alcseg.errors import GeometryError
from alcseg.types import Affine

__all__ = ["header_notes"]

_SCANNER = 1  # the form code with which ITK takes the sform


def header_notes(volume: Volume) -> Iterator[str]:
    """Sentences without the name of the case; none for a volume that did not come as NIfTI."""
    if volume.sheared_axes is not None:
        yield (
            f"its axes miss a right angle by {shear_degrees(volume.affine):.3g} degrees: volumes of "
            "`predict` and scores of `evaluate` follow the shear, all else takes the axes for perpendicular. "
            "ITK refuses such files, or straightens them."
        )
    header = volume.header
    if header is None:
        return
    unit = mm_per_unit(header)
    zooms = tuple(float(value) * unit for value in header.get_zooms()[:3])
    if not np.allclose(zooms, volume.spacing, rtol=1e-3):
        spacing, written = (tuple(round(value, 4) for value in values) for values in (volume.spacing, zooms))
        yield f"pixdim is {written} mm, the affine {spacing} mm, which is used."
    codes = int(header["sform_code"]), int(header["qform_code"])
    if codes == (0, 0):
        yield (
            "its header gives voxel sizes, but no place (both form codes are 0): which side is left is a "
            "guess that differs from tool to tool."
        )
    elif codes[0] != _SCANNER and min(codes) > 0:
        yield from _other_form(volume, header, codes, unit)


def _other_form(
    volume: Volume, header: nib.Nifti1Header, codes: tuple[int, int], unit: float
) -> Iterator[str]:
    """The sform is used; ITK takes the qform unless the code of the sform is 1."""
    scale = np.diag([unit, unit, unit, 1.0])
    try:
        with np.errstate(invalid="ignore"):  # infinite voxel sizes
            other = check_affine(scale @ header.get_qform(), volume.path)
    except (ValueError, GeometryError):  # ValueError: a quaternion longer than 1
        yield f"its qform (code {codes[1]}), which ITK takes, places no voxels. Set its code to 0."
        return
    corners = np.array([[*corner, 1.0] for corner in product(*((0, size - 1) for size in volume.shape))])
    apart = float(np.linalg.norm(corners @ (other - volume.affine).T, axis=1).max())
    if apart > 0.01 * min(volume.spacing):
        yield (
            f"its sform (code {codes[0]}), which is used, puts the first voxel at {_place(volume.affine)} "
            f"mm, its qform (code {codes[1]}), which ITK and with it 3D Slicer and nnU-Net take, at "
            f"{_place(other)} mm; the two are up to {apart:.3g} mm apart. Set both to the right one."
        )


def _place(affine: Affine) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in affine[:3, 3]) + ")"
