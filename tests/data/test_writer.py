"""What is written keeps the grid of the file it belongs to."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.nifti import read_image, read_label
from alcseg.data.writer import compress, write_image, write_label, write_map
from alcseg.errors import ShapeError, UsageError


@pytest.fixture
def like(tmp_path, rng):
    affine = nib.affines.from_matvec(
        nib.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.diag([-0.7, 0.7, 3]), [1, 2, 3]
    )
    nifti = nib.Nifti1Image(rng.integers(0, 900, (3, 4, 5)).astype(np.int16), affine)
    nifti.set_sform(affine, code=4)
    nifti.set_qform(affine, code=1)
    nifti.header.set_xyzt_units("mm", "sec")
    nifti.header.set_slope_inter(2.0, 5.0)
    nifti.header["cal_max"] = 800
    nifti.header["descrip"] = b"scan"
    nifti.header.set_intent("t test", (2,))
    nifti.to_filename(tmp_path / "like.nii.gz")
    return read_image(tmp_path / "like.nii.gz")


@pytest.mark.parametrize(
    ("highest", "lowest", "dtype"),
    [(1, 0, np.uint8), (255, 0, np.uint8), (300, 0, np.uint16), (5, -1, np.int16), (70000, 0, np.uint32)],
)
def test_label_keeps_grid_and_voxels(tmp_path, like, highest, lowest, dtype):
    values = np.zeros((3, 4, 5), np.int64)
    values[1, 2, 3], values[0, 0, 0] = highest, lowest
    write_label(tmp_path / "out.nii.gz", values, like)
    label = read_label(tmp_path / "out.nii.gz")
    assert np.array_equal(label.array, values)
    assert label.array.dtype.itemsize <= np.dtype(dtype).itemsize
    assert np.array_equal(label.affine, like.affine)
    for key in (
        "sform_code",
        "qform_code",
        "xyzt_units",
        "srow_x",
        "srow_y",
        "srow_z",
        "quatern_b",
        "qoffset_x",
    ):
        assert np.array_equal(label.header[key], like.header[key]), key
    assert label.header.get_slope_inter() == (None, None)
    assert label.header["cal_max"] == 0
    assert label.header["descrip"] == b""
    assert label.header["intent_code"] == 0


def test_same_map_gives_the_same_bytes(tmp_path, like, rng):
    values = rng.random((3, 4, 5))
    write_map(tmp_path / "a.nii.gz", values, like)
    write_map(tmp_path / "b.nii.gz", values, like)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    back = nib.load(tmp_path / "a.nii.gz")
    assert back.get_data_dtype() == np.float32
    assert np.array_equal(back.get_fdata(), values.astype(np.float32))


def test_volume_without_header_gets_both_forms(tmp_path, rng):
    affine = np.diag([-1.0, -1.0, 2.0, 1.0])
    made = Volume(rng.random((3, 3, 3)).astype(np.float32), affine, None, Path("series"))
    write_image(tmp_path / "a.nii", made)
    back = read_image(tmp_path / "a.nii")
    assert np.array_equal(back.array, made.array)
    assert np.array_equal(back.affine, affine)
    assert (back.header["sform_code"], back.header["qform_code"]) == (1, 1)
    compress(tmp_path / "a.nii", tmp_path / "a.nii.gz")
    assert np.array_equal(read_image(tmp_path / "a.nii.gz").array, made.array)


def test_wrong_shape_and_name_are_refused(tmp_path, like):
    with pytest.raises(ShapeError, match=r"expected shape \(3, 4, 5\)"):
        write_label(tmp_path / "a.nii.gz", np.zeros((3, 4, 4), int), like)
    with pytest.raises(UsageError, match=r"ends in \.nii or \.nii\.gz"):
        write_label(tmp_path / "a.png", np.zeros((3, 4, 5), int), like)
    assert [path.name for path in tmp_path.iterdir()] == ["like.nii.gz"]


@pytest.mark.parametrize(("skew", "qform_code"), [(0.0, 1), (0.2, 0)])
def test_a_qform_is_written_only_where_it_holds_the_affine(tmp_path, rng, skew, qform_code):
    turned = nib.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.diag([0.7, 0.7, 3])
    turned[:, 2] += skew * turned[:, 1]
    volume = Volume(
        rng.random((3, 4, 5)), nib.affines.from_matvec(turned, [1, 2, 3]), None, tmp_path / "series"
    )
    write_image(tmp_path / "out.nii.gz", volume)
    header = nib.load(tmp_path / "out.nii.gz").header
    assert (header["sform_code"], header["qform_code"]) == (1, qform_code)
    assert np.allclose(header.get_sform(), volume.affine)
    if qform_code:
        assert np.allclose(header.get_qform(), volume.affine, atol=1e-5)
