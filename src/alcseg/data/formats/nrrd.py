"""NRRD, `.nrrd` and `.nhdr`, by pynrrd: a volume of numbers in a named space."""

from collections.abc import Mapping
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.formats.base import ValueFormat
from alcseg.data.nrrd_files import LPS, nrrd_package, place_in_space, read_nrrd
from alcseg.data.voxel_values import smallest_type
from alcseg.files import atomic_path
from alcseg.types import LabelMap

__all__ = ["NRRDFormat"]


class NRRDFormat(ValueFormat):
    """Any directions, sheared ones too; written in LPS, compressed."""

    endings = (".nrrd", ".nhdr")

    def read(self, path: Path) -> Volume:
        """As every format of values."""
        return read_nrrd(path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format."""
        nrrd = nrrd_package()
        directions, origin = place_in_space(like.affine)
        header = {
            "space": LPS,
            "kinds": ["domain"] * 3,
            "space directions": directions,
            "space origin": origin,
            "encoding": "gzip",
        }
        with atomic_path(path) as partial:
            nrrd.write(str(partial), values.astype(smallest_type(values)), header, index_order="F")
