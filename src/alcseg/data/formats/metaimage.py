"""MetaImage, `.mha` and `.mhd`, by SimpleITK, which knows its fields.

Space is LPS. `TransformMatrix` holds the direction of each array axis as a row, so that it is the transpose
of ITK's direction matrix; without it axes run along those of LPS, and `ElementSize` stands in for spacing.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.formats.base import ValueFormat
from alcseg.data.placement import LPS_TO_RAS, check_affine
from alcseg.data.voxel_values import smallest_type
from alcseg.errors import DataError, PackageError
from alcseg.files import atomic_path
from alcseg.listing import require_beside
from alcseg.types import LabelMap

__all__ = ["MetaImageFormat"]

_TO_RAS = np.diag(LPS_TO_RAS)
_LONGEST_HEADER = 1 << 20  # bytes
_NUMBERS = {"NDims": 1, "DimSize": 3, "TransformMatrix": 9, "Rotation": 9, "Orientation": 9} | dict.fromkeys(
    ("Offset", "Position", "Origin", "ElementSpacing", "ElementSize"), 3
)
"""How many numbers a field of a 3D volume has."""


class MetaImageFormat(ValueFormat):
    """One file with its voxels, compressed; `.mhd`, whose voxels lie in another file, is read only."""

    endings = (".mha", ".mhd")

    def read(self, path: Path) -> Volume:
        """As every format of values."""
        sitk = _simpleitk()
        _check_header(path)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        reader.SetImageIO("MetaImageIO")
        try:
            reader.ReadImageInformation()
            shape, count = reader.GetSize(), reader.GetNumberOfComponents()
            if len(shape) != 3 or count != 1:
                raise DataError(
                    f"{path}: expected one 3D volume with a number per voxel, found shape {shape} with "
                    f"{count} numbers per voxel. Convert it."
                )
            image = reader.Execute()
        except RuntimeError as error:
            reason = str(error).strip().split("\n")[-1]
            raise DataError(
                f"{path}: expected a whole MetaImage file, cannot read it ({reason:.200}). Copy it again."
            ) from None
        affine = np.eye(4)
        affine[:3, :3] = _TO_RAS @ np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
        affine[:3, 3] = _TO_RAS @ image.GetOrigin()
        array = np.ascontiguousarray(sitk.GetArrayFromImage(image).T)
        return Volume(array, check_affine(affine, path), None, path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format."""
        sitk = _simpleitk()
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.astype(smallest_type(values)).T))
        image.SetSpacing(like.spacing)
        image.SetDirection((_TO_RAS @ like.affine[:3, :3] / np.array(like.spacing)).ravel().tolist())
        image.SetOrigin((_TO_RAS @ like.affine[:3, 3]).tolist())
        with atomic_path(path) as partial:
            sitk.WriteImage(image, str(partial), useCompression=True, imageIO="MetaImageIO")


def _check_header(path: Path) -> None:
    """Look at what places voxels, and at where they lie, before ITK does.

    ITK reads what is no number as 0, is ended by some headers together with its process, and takes voxels
    from any file that it is told.

    Raises:
        DataError: If a number is absent, odd or not finite, or voxels lie in another folder.
    """
    try:
        with path.open("rb") as file:
            start, key, rest = file.read(_LONGEST_HEADER).partition(b"ElementDataFile")
    except OSError as error:
        raise DataError(f"{path}: expected a MetaImage file, cannot read it ({error.strerror}).") from None
    for line in start.decode("latin-1").splitlines():
        key_of, _, value = (part.strip() for part in line.partition("="))
        if key_of in _NUMBERS and not _has_numbers(value, _NUMBERS[key_of]):
            raise DataError(
                f"{path}: expected one 3D volume with {_NUMBERS[key_of]} finite numbers as {key_of} in it, "
                f"found '{value:.60}'. Convert the file, or write it again."
            )
        if key_of == "NDims" and float(value) != 3:
            raise DataError(f"{path}: expected one 3D volume, found {value} dimensions. Convert it.")
    if key:
        require_beside(rest.split(b"\n", 1)[0].decode("latin-1").strip(" =\t\r"), path)


def _has_numbers(text: str, count: int) -> bool:
    try:
        return len(found := text.split()) == count and all(math.isfinite(float(one)) for one in found)
    except ValueError:
        return False


def _simpleitk() -> Any:
    try:
        import SimpleITK
    except ImportError:
        raise PackageError('MetaImage files need SimpleITK: pip install "alcseg[mha]"') from None
    return SimpleITK
