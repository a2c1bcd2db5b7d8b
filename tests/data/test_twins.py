"""The same voxels met twice, however they are stored."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.data.twins import Twins, require_apart_splits, voxel_hash
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow


@pytest.fixture
def volume(rng: np.random.Generator) -> Volume:
    values = rng.integers(0, 99, (4, 5, 6)).astype(np.int16)
    return Volume(values, np.diag([2.0, 3.0, 4.0, 1.0]), None, Path("scan.nii"))


def test_order_of_axes_type_and_place_change_nothing(volume: Volume) -> None:
    same = voxel_hash(volume)
    turned = nib.Nifti1Image(volume.array, volume.affine).as_reoriented(np.array([[2, -1], [0, 1], [1, -1]]))  # type: ignore[no-untyped-call]
    assert voxel_hash(replace(volume, array=np.asanyarray(turned.dataobj), affine=turned.affine)) == same
    assert voxel_hash(replace(volume, array=volume.array.astype(np.float64))) == same
    moved = volume.affine.copy()
    moved[:3, 3] = 7
    assert voxel_hash(replace(volume, affine=moved)) == same
    other = volume.array.copy()
    other[1, 2, 3] += 1
    assert voxel_hash(replace(volume, array=other)) != same
    assert voxel_hash(replace(volume, array=volume.array.reshape(5, 4, 6))) != same


def test_the_first_of_its_kind_is_nobodys_twin(volume: Volume) -> None:
    twins = Twins()
    a, b, c = (CaseRow(case_id=name) for name in "abc")
    assert twins.meet(a, volume, "image") is None
    assert twins.meet(b, volume, "label map") is None
    assert twins.meet(b, volume, "image") is a
    assert twins.meet(c, volume, "image") is a


@pytest.fixture
def phantoms(tmp_path: Path) -> Dataset:
    root = tmp_path / "set"
    write_phantoms(root, train=2, val=1, test=1, shape=(12, 12, 12), seed=1)
    return Dataset.open(root)


def require(folder: Dataset) -> None:
    require_apart_splits(folder, folder.rows_where(split="train"), folder.rows_where(split="val"))


def test_a_scan_in_two_splits_is_refused(phantoms: Dataset) -> None:
    require(phantoms)
    train, test = (phantoms.rows_where(split=split)[0].case_id for split in ("train", "test"))
    scan = nib.load(phantoms.image_paths(train)[0])
    nib.save(nib.Nifti1Image(scan.get_fdata(), scan.affine), phantoms.image_paths(test)[0])
    with pytest.raises(DataError, match=rf"found the image of '{train}' \(train\) again as that of '{test}'"):
        require(phantoms)


def test_a_label_map_in_two_splits_is_refused_unless_it_is_empty(phantoms: Dataset) -> None:
    train, val = (phantoms.rows_where(split=split)[0].case_id for split in ("train", "val"))
    one, other = phantoms.label_path(train), phantoms.label_path(val)
    assert one is not None
    assert other is not None
    label, affine = nib.load(one).get_fdata().astype(np.uint8), nib.load(one).affine
    for path in (one, other):
        nib.save(nib.Nifti1Image(np.zeros_like(label), affine), path)
    require(phantoms)
    for path in (one, other):
        nib.save(nib.Nifti1Image(label, affine), path)
    with pytest.raises(DataError, match=f"found the label map of '{train}'"):
        require(phantoms)


def test_a_scan_twice_in_one_split_is_refused_where_one_of_them_is_held_out(phantoms: Dataset) -> None:
    one, other = phantoms.rows_where(split="train")
    for find in (phantoms.image_paths, lambda case_id: [phantoms.label_path(case_id)]):
        find(other.case_id)[0].write_bytes(find(one.case_id)[0].read_bytes())
    require(phantoms)
    with pytest.raises(DataError, match=rf"'{one.case_id}' \(train\) again as .*give both one group"):
        require_apart_splits(phantoms, [one], [other])


def test_what_cannot_be_read_is_left_to_others(phantoms: Dataset) -> None:
    for row in phantoms.rows_where(split="test"):
        phantoms.image_paths(row.case_id)[0].write_bytes(b"no volume")
    require(phantoms)
