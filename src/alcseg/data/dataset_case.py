"""One case of a dataset as an object that reads its arrays when asked for them."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from alcseg.data.case import Volume
from alcseg.records.cases import CaseRow, Quality, Split
from alcseg.types import Affine, FloatArray, LabelMap, Mask, Spacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alcseg.data.folder import Dataset

__all__ = ["Case"]


@dataclass(frozen=True, eq=False)
class Case:
    """One case of a dataset; arrays are read when first asked for and kept as long as this object.

    Attributes:
        dataset: Whose.
        row: Its line in `cases.csv`.
    """

    dataset: "Dataset" = field(repr=False)
    row: CaseRow

    @property
    def case_id(self) -> str:
        """Its name."""
        return self.row.case_id

    @property
    def quality(self) -> Quality:
        """Of its label: `hq`, `lq` or `unlabeled`."""
        return self.row.quality

    @property
    def split(self) -> Split:
        """`train`, `val` or `test`."""
        return self.row.split

    @property
    def group(self) -> str:
        """Cases of one group, such as a patient, stay in one split."""
        return self.row.group

    @cached_property
    def volumes(self) -> tuple[Volume, ...]:
        """The images with their headers, one per channel and all on one grid."""
        return self.dataset.read(self.case_id, with_label=False).images

    @property
    def images(self) -> tuple[FloatArray, ...]:
        """Intensities of each channel, `(X, Y, Z)` in the voxel order of the file."""
        return tuple(volume.array for volume in self.volumes)

    @property
    def image(self) -> FloatArray:
        """Intensities of the first channel, `(X, Y, Z)`."""
        return self.images[0]

    @cached_property
    def _label(self) -> Volume | None:
        if self.quality == "unlabeled" and self.dataset.label_path(self.case_id) is None:
            return None
        return self.dataset.read_label(self.case_id)

    @property
    def label(self) -> LabelMap | None:
        """Label values, `(X, Y, Z)`, background where nobody labeled; None for an unlabeled case."""
        return None if self._label is None else self._label.array

    @property
    def known(self) -> Mask | None:
        """Voxels that somebody labeled, `(X, Y, Z)`; None where all are, and for an unlabeled case."""
        return None if self._label is None else self._label.known

    @property
    def classes_drawn(self) -> tuple[str, ...]:
        """Names of the classes that were drawn in the label, background left out."""
        undrawn = self.dataset.undrawn(self.case_id)
        names = enumerate(self.dataset.label_names)
        return tuple(name for index, name in names if index and index not in undrawn)

    @property
    def affine(self) -> Affine:
        """Voxel index to RAS millimetres, `(4, 4)`."""
        return self.volumes[0].affine

    @property
    def spacing(self) -> Spacing:
        """Voxel size in mm, in axis order."""
        return self.volumes[0].spacing

    def plot(self) -> "Figure":
        """Three planes with the outline of the label."""
        from alcseg.views.case import figure

        return figure(self)

    def _repr_html_(self) -> str:
        from alcseg.views.case import html

        return html(self)
