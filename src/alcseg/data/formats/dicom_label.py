"""Labels as DICOM objects: segmentations (SEG), read and written, and structure sets (RTSTRUCT), read."""

from collections.abc import Mapping
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.formats.base import SegmentFormat
from alcseg.data.formats.dicom_seg import NEEDED, read_seg, seg_values, write_seg
from alcseg.data.formats.rtstruct import read_rtstruct, rtstruct_values
from alcseg.data.formats.segments import Segments
from alcseg.data.lattice import put_on
from alcseg.errors import DataError, GeometryError
from alcseg.listing import has_folder
from alcseg.types import LabelMap

__all__ = ["RTSTRUCT", "SEGMENTATIONS", "DICOMLabelFormat"]

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
"""Class of structure sets."""

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Classes of segmentations: those of segments, and those of label maps."""


class DICOMLabelFormat(SegmentFormat):
    """Which of both a file is tells its class; what is written is a SEG that refers to the series.

    Attributes:
        labelmap: Write a segmentation of the type LABELMAP instead of BINARY, which older programs know, too.
    """

    endings = (".dcm",)

    def __init__(self, *, labelmap: bool = False) -> None:
        self.labelmap = labelmap

    def segments(self, path: Path, like: Volume | None) -> Segments:
        """As every format of segments."""
        one = _read(path, pixels=True)
        return read_rtstruct(one, path, like) if _is_rtstruct(one, path) else read_seg(one, path)

    def named_values(self, path: Path) -> dict[str, int]:
        """As every format, from the header alone."""
        one = _read(path, pixels=False)
        return rtstruct_values(one, path) if _is_rtstruct(one, path) else seg_values(one, path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format; `like` has to come from a DICOM series, or lie on the grid of one.

        Raises:
            DataError: If `like` did not come from the folder of a series.
            GeometryError: If its grid is another than that of the series.
        """
        from alcseg.data.readers.dicom import ordered_slices, series_volume  # which import the formats

        if not has_folder(like.path):
            raise DataError(f"{path}: {NEEDED}, found {like.path}. Name its folder with --series.")
        slices = ordered_slices(like.path)
        grid = series_volume(slices, like.path)
        placed = put_on(Volume(values, like.affine, None, like.path), grid, fill=next(iter(labels.values())))
        if placed.affine is not grid.affine:
            raise GeometryError(
                f"{path}: expected a label on the grid of the series {like.path}, found another one. "
                "Name the series that the image was made of."
            )
        write_seg(path, placed.array, slices, labels, labelmap=self.labelmap)


def _read(path: Path, *, pixels: bool) -> object:
    from alcseg.data.readers.dicom_files import read_dicom  # which imports the formats

    return read_dicom(path, stop_before_pixels=not pixels)


def _is_rtstruct(one: object, path: Path) -> bool:
    kind = getattr(one, "SOPClassUID", None)
    if kind != RTSTRUCT and kind not in SEGMENTATIONS:
        name = getattr(kind, "name", kind)
        raise DataError(f"{path}: expected a DICOM SEG or RTSTRUCT, found {name}. Name a file with labels.")
    return bool(kind == RTSTRUCT)
