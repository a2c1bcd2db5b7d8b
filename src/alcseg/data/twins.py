"""The same scan, or one label map under two images, met twice: told by the voxels, not by the files.

Compression, header, data type and the order of the axes may differ: what is compared are values in RAS voxel
order. An empty label map is nobody's twin.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.geometry import ModelGrid
from alcseg.data.nifti import read_grid, read_image
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow

__all__ = ["REMEDY", "Twins", "require_apart_splits", "voxel_hash"]

Kind = Literal["image", "label map"]

REMEDY = f"Remove one of them, or give both one split in {CaseRow.NAME}."
"""Against a scan in two splits."""

_KINDS: tuple[Kind, ...] = get_args(Kind)


def voxel_hash(volume: Volume) -> str:
    """Of shape and values in RAS voxel order, 16 hexadecimal digits: the same however it is stored."""
    array = ModelGrid.between(volume.shape, volume.affine).to_ras(volume.array)
    plain = np.ascontiguousarray(array, dtype=np.float32)
    digest = hashlib.sha256(str(plain.shape).encode())
    digest.update(plain.data)
    return digest.hexdigest()[:16]


@dataclass
class Twins:
    """Volumes met so far.

    Attributes:
        seen: The first case with such voxels.
    """

    seen: dict[tuple[Kind, str], CaseRow] = field(default_factory=dict)

    def meet(self, row: CaseRow, volume: Volume, kind: Kind) -> CaseRow | None:
        """The case that was met with the same voxels before; None for new ones."""
        first = self.seen.setdefault((kind, voxel_hash(volume)), row)
        return None if first is row else first


def require_apart_splits(folder: Dataset, train: Sequence[CaseRow], val: Sequence[CaseRow]) -> None:
    """Refuse a scan or a label map in two splits: what validates or tests would have been trained on.

    A scan that is twice in split `train` is refused where one of the two was held out to validate. Only
    volumes whose shape occurs on two sides are read, and of test cases the images alone. What cannot be read
    is left to those who need it.

    Args:
        folder: The dataset.
        train: Cases that train.
        val: Cases that validate.

    Raises:
        DataError: Naming both cases.
    """
    sides = {row.case_id: "train" for row in train} | {row.case_id: "val" for row in val}
    test = folder.rows_where(split="test")
    sides |= dict.fromkeys((row.case_id for row in test), "test")
    twins = Twins()
    for row in _of_shapes_on_two_sides(folder, [*train, *val, *test], sides):
        for kind in _KINDS:
            volume = _read(folder, row, kind)
            twin = None if volume is None else twins.meet(row, volume, kind)
            if twin is None or sides[twin.case_id] == sides[row.case_id]:
                continue
            same = f"found the {kind} of '{twin.case_id}' ({sides[twin.case_id]}) again as that of"
            if twin.split != row.split:
                raise DataError(
                    f"{folder.root}: expected each scan in one split, {same} '{row.case_id}' "
                    f"({sides[row.case_id]}). {REMEDY}"
                )
            if kind == "image":
                raise DataError(
                    f"{folder.root}: expected no scan twice where cases are held out to validate, {same} "
                    f"'{row.case_id}' ({sides[row.case_id]}). Remove one of them, or give both one group in "
                    f"{CaseRow.NAME}."
                )


def _of_shapes_on_two_sides(
    folder: Dataset, rows: Sequence[CaseRow], sides: Mapping[str, str]
) -> list[CaseRow]:
    shapes: dict[str, tuple[int, ...]] = {}
    found: dict[tuple[int, ...], set[str]] = {}
    for row in rows:
        try:  # what cannot be read is no twin; `check` says why it cannot
            shape, _ = read_grid(folder.image_paths(row.case_id)[0])
        except DataError:
            continue
        shapes[row.case_id] = key = tuple(sorted(shape))  # the order of the axes may differ
        found.setdefault(key, set()).add(sides[row.case_id])
    return [row for row in rows if len(found.get(shapes.get(row.case_id, ()), ())) > 1]


def _read(folder: Dataset, row: CaseRow, kind: Kind) -> Volume | None:
    """The first channel or the label of a case; None where there is none to compare, or nothing in it."""
    try:
        if kind == "image":
            return read_image(folder.image_paths(row.case_id)[0])
        if row.split == "test" or row.quality == "unlabeled":
            return None
        label = folder.read_label(row.case_id)
    except DataError:
        return None
    return label if np.any(label.array != folder.label_values[0]) else None
