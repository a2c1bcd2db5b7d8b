"""MetaImage, `.mha` and `.mhd`, by SimpleITK, which knows its fields.

Space is LPS. `TransformMatrix` holds the direction of each array axis as a row, so that it is the transpose
of ITK's direction matrix; without it axes run along those of LPS, and `ElementSize` stands in for spacing.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.formats.base import ValueFormat
from alcseg.data.formats.metaimage_file import check_metaimage
from alcseg.data.placement import LPS_TO_RAS, check_affine
from alcseg.data.simpleitk import load_simpleitk
from alcseg.data.voxel_values import smallest_type
from alcseg.errors import DataError
from alcseg.files import atomic_path
from alcseg.types import LabelMap

__all__ = ["MetaImageFormat"]

_TO_RAS = np.diag(LPS_TO_RAS)


class MetaImageFormat(ValueFormat):
    """One file with its voxels, compressed; `.mhd`, whose voxels lie in another file, is read only."""

    endings = (".mha", ".mhd")

    def read(self, path: Path) -> Volume:
        """As every format of values."""
        sitk = load_simpleitk("MetaImage files", "pip install 'alcseg[mha]'.")
        check_metaimage(path)
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
                f"{path}: expected a whole MetaImage file, ITK cannot read it ({reason:.200}). Copy it "
                "again, or write it anew."
            ) from None
        affine = np.eye(4)
        affine[:3, :3] = _TO_RAS @ np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
        affine[:3, 3] = _TO_RAS @ image.GetOrigin()
        array = np.ascontiguousarray(sitk.GetArrayFromImage(image).T)
        return Volume(array, check_affine(affine, path), None, path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format."""
        sitk = load_simpleitk("MetaImage files", "pip install 'alcseg[mha]'.")
        image = sitk.GetImageFromArray(np.ascontiguousarray(values.astype(smallest_type(values)).T))
        image.SetSpacing(like.spacing)
        image.SetDirection((_TO_RAS @ like.affine[:3, :3] / np.array(like.spacing)).ravel().tolist())
        image.SetOrigin((_TO_RAS @ like.affine[:3, 3]).tolist())
        with atomic_path(path) as partial:
            sitk.WriteImage(image, str(partial), useCompression=True, imageIO="MetaImageIO")
