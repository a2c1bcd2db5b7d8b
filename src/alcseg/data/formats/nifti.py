"""NIfTI, `.nii` and `.nii.gz`: what datasets consist of. The header goes from an image to its labels."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.formats.base import Format
from alcseg.data.nifti import read_image, read_label
from alcseg.data.writer import write_label
from alcseg.types import LabelMap

__all__ = ["NIfTIFormat"]


class NIfTIFormat(Format):
    """Read by bytes with nibabel's header; see `alcseg.data.nifti_file`."""

    endings = (".nii.gz", ".nii")

    def read_image(self, path: Path) -> Volume:
        """As every format."""
        return read_image(path)

    def read_label(
        self,
        path: Path,
        labels: Mapping[str, int] | None = None,
        like: Volume | None = None,
        priority: Sequence[str] = (),
        *,
        every: bool = False,
    ) -> Volume:
        """As every format; the label lies where its header says, for a comparison of grids to judge."""
        return read_label(path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format."""
        write_label(path, values, like)
