"""A case as the page shows it: in RAS voxel order, labels as class indices, and the way back to the file."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from alcseg.arrays import label_hash
from alcseg.data.geometry import ModelGrid
from alcseg.data.voxel_values import in_values
from alcseg.errors import LabelError, ShapeError
from alcseg.reporting.regions import Region, find_regions
from alcseg.reviewing.subject import Subject
from alcseg.types import Affine, LabelMap, Spacing

__all__ = ["CaseSheet"]

Indices = NDArray[np.uint8]

_MOST_CLASSES = 255  # Background counted: a viewer's drawing holds one byte per voxel.
_LARGEST_TABLE = 1 << 16  # Looking values up in a table is 20 times as fast as searching for them.
_SHOWN = (0.5, 99.5)  # Percentiles of intensities between black and white.


@dataclass(frozen=True, eq=False)
class CaseSheet:
    """One case, ready to be shown.

    A viewer gets every volume in RAS voxel order, whatever way the files are stored, so that nothing depends
    on how it turns or mirrors them. Label values become 0..C-1 on the way there, since a drawing holds
    bytes.

    Attributes:
        case_id: The case.
        image: Intensities of the first channel, `(X, Y, Z)` in RAS order.
        affine: Voxel index to RAS millimetres, of that order.
        spacing: Voxel size in mm, of that order.
        window: Intensities shown as black and white.
        values: Label value of each class index.
        given: Class indices of the label as it came; background where there is none.
        seen: Hash of the given label file's values.
        proposed: Class indices of what is proposed; None where nothing is.
        uncertainty: Per voxel, 255 where it is highest, 0 where the map has no number; None where there is no
            map.
        regions: Where given and proposed differ.
        region_map: Number of the region of each voxel.
    """

    case_id: str
    image: NDArray[Any]
    affine: Affine
    spacing: Spacing
    window: tuple[float, float]
    values: tuple[int, ...]
    given: Indices
    seen: str
    proposed: Indices | None
    uncertainty: Indices | None
    regions: tuple[Region, ...]
    region_map: Indices
    _grid: ModelGrid = field(repr=False)

    @classmethod
    def of(cls, subject: Subject, case_id: str) -> "CaseSheet":
        """Read a case.

        Raises:
            DataError: If a file is absent or damaged.
            LabelError: If it has more classes than a drawing can hold.
        """
        image = subject.dataset.read(case_id, with_label=False).images[0]
        given = subject.given(case_id)
        labels = np.zeros(image.shape, np.uint8) if given is None else given.array
        proposed = subject.proposed(case_id, labels)
        uncertainty = subject.uncertainty(case_id)
        for name, array in (("label", labels), ("proposal", proposed), ("uncertainty", uncertainty)):
            if array is not None and array.shape != image.shape:
                raise ShapeError(
                    f"case '{case_id}': expected {name} of shape {image.shape} as the image has, "
                    f"found {array.shape}. Restore it, or make it again."
                )
        values = _values(subject, case_id, labels, proposed)
        grid = ModelGrid.between(image.shape, image.affine)
        shown = _turned(grid, _small(image.array))
        before = _indices(_turned(grid, labels), values)
        after = None if proposed is None else _indices(_turned(grid, proposed), values)
        regions, region_map = (
            ((), np.zeros(before.shape, np.uint8))
            if after is None
            else find_regions(before, after, grid.spacing)
        )
        low, high = (float(value) for value in np.percentile(shown, _SHOWN))
        return cls(
            case_id,
            shown,
            grid.affine,
            grid.spacing,
            (low, high if high > low else low + 1),
            values,
            before,
            label_hash(labels),
            after,
            None if uncertainty is None else _bytes(_turned(grid, uncertainty)),
            regions,
            region_map,
            grid,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what is shown, in RAS order."""
        return self._grid.shape

    @property
    def start(self) -> Indices:
        """What a reader begins with: the proposal, else the given label."""
        return self.given if self.proposed is None else self.proposed

    @property
    def grid_hash(self) -> str:
        """Shape and place of what is shown: a drawing made on another grid is told by it."""
        text = f"{self.shape}{np.round(self.affine, 6).tolist()}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def image_file(self) -> bytes:
        """The image as an uncompressed NIfTI file, one 3D volume in RAS order."""
        nifti = nib.Nifti1Image(self.image, self.affine, dtype=self.image.dtype)
        nifti.header["cal_min"], nifti.header["cal_max"] = self.window
        return bytes(nifti.to_bytes())

    @property
    def size(self) -> int:
        """Bytes that it holds in memory."""
        maps = (self.image, self.given, self.proposed, self.uncertainty, self.region_map)
        return sum(one.nbytes for one in maps if one is not None)

    def drawing(self, body: bytes) -> Indices:
        """Class indices in RAS order from the bytes of a drawing, first axis fastest.

        Raises:
            ShapeError: If there are not as many as voxels.
            LabelError: If one is no class of this dataset.
        """
        if len(body) != int(np.prod(self.shape)):
            raise ShapeError(
                f"case '{self.case_id}': expected a drawing of {int(np.prod(self.shape))} bytes, one per "
                f"voxel of {self.shape}, got {len(body)}. Load the case anew."
            )
        drawn = np.frombuffer(body, np.uint8).reshape(self.shape, order="F")
        highest = int(drawn.max(initial=0))
        if highest >= len(self.values):
            raise LabelError(
                f"case '{self.case_id}': expected class indices 0 to {len(self.values) - 1}, got {highest}. "
                "Load the case anew."
            )
        return drawn

    def to_file(self, indices: LabelMap) -> LabelMap:
        """Label values in the voxel order of the label file, from class indices in RAS order."""
        return in_values(self._grid.label_to_source(indices), self.values)

    def to_page(self, label: LabelMap) -> Indices:
        """The reverse."""
        return _indices(_turned(self._grid, label), self.values)


def _values(subject: Subject, case_id: str, given: LabelMap, proposed: LabelMap | None) -> tuple[int, ...]:
    """Label value of each class index: all of the dataset, or those of the case where they are too many."""
    values = subject.dataset.label_values
    if len(values) <= _MOST_CLASSES:
        return values
    present = {int(value) for label in (given, proposed) if label is not None for value in np.unique(label)}
    kept = tuple(value for value in values if value in present or value == values[0])
    if len(kept) > _MOST_CLASSES:
        raise LabelError(
            f"case '{case_id}': expected at most {_MOST_CLASSES} classes in one case, found {len(kept)}. "
            "Mend it in another program, and take it in with --import."
        )
    return kept


def _turned(grid: ModelGrid, array: NDArray[Any]) -> NDArray[Any]:
    """In RAS order, and in memory as files and the page have it: first axis fastest."""
    return np.asfortranarray(grid.to_ras(array))


def _bytes(uncertainty: NDArray[Any]) -> Indices:
    values = np.nan_to_num(uncertainty, posinf=0).clip(min=0)
    highest = float(values.max(initial=0))
    shown: Indices = np.rint(values * (255 / highest if highest else 0)).astype(np.uint8)
    return shown


def _indices(label: LabelMap, values: tuple[int, ...]) -> Indices:
    flat = label.ravel(order="F")
    if max(values) < _LARGEST_TABLE:
        table = np.zeros(max(values) + 1, np.uint8)
        table[list(values)] = np.arange(len(values))
        found: Indices = table[flat]
    else:
        order = np.argsort(values)
        found = order.astype(np.uint8)[np.searchsorted(np.asarray(values)[order], flat)]
    return found.reshape(label.shape, order="F")


def _small(image: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers of 16 bits where that loses nothing, else float32."""
    if image.dtype.kind in "iu" and image.dtype.itemsize <= 2 and image.dtype != np.uint16:
        return image
    low, high = float(image.min()), float(image.max())
    if low >= -32768 and high <= 32767 and bool((image == np.rint(image)).all()):
        return image.astype(np.int16)
    return image.astype(np.float32, copy=False)
