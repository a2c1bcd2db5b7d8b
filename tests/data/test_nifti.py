"""Reading one file, and comparing the grids of two."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.nifti import compare_grids, read_image, read_label, require_same_grid
from alcseg.errors import DataError, GeometryError, LabelError


@pytest.fixture
def save(tmp_path):
    def write(array, affine=None, name="a.nii.gz"):
        path = tmp_path / name
        nib.Nifti1Image(np.asarray(array), np.eye(4) if affine is None else affine).to_filename(path)
        return path

    return write


def test_image_is_float32_with_its_scaling_applied(tmp_path):
    nifti = nib.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.diag([1, 2, 3, 1]))
    nifti.header.set_slope_inter(2, -1)
    nifti.to_filename(tmp_path / "a.nii")
    image = read_image(tmp_path / "a.nii")
    assert image.array.dtype == np.float32
    assert image.spacing == (1.0, 2.0, 3.0)
    assert image.shape == (2, 2, 2)
    raw = nib.load(tmp_path / "a.nii").get_fdata()
    assert np.array_equal(image.array, raw)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((2, 2, 2), 7.0), "found the value 7 everywhere"),
        (np.array([[[0, np.nan], [np.inf, 1]]]), "found 2 NaN or infinite voxels of 4"),
        (np.zeros((2, 2, 2, 3)), "expected one 3D volume, found 4D"),
    ],
)
def test_unusable_images_are_refused(save, values, message):
    path = save(values)
    with pytest.raises(DataError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_truncated_file_is_one_line_that_names_it(save, rng):
    path = save(rng.normal(size=(20, 20, 20)))
    path.write_bytes(path.read_bytes()[:-2000])
    for read in (read_image, read_label):
        with pytest.raises(
            DataError, match=r"a\.nii\.gz: expected a whole NIfTI file, cannot read it"
        ) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"not an image"))
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(DataError, match="cannot read it"):
        read_image(tmp_path / "a.nii.gz")
    with pytest.raises(DataError, match=r"expected a NIfTI file \(.nii or .nii.gz\)"):
        read_image(tmp_path / "b.png")
    with pytest.raises(DataError, match="found none"):
        read_image(tmp_path / "c.nii.gz")


def test_singular_affine_is_refused(save):
    path = save(np.arange(8.0).reshape(2, 2, 2))
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:296] = bytes(16)  # srow_x
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(GeometryError, match="gives each voxel its place"):
        read_image(path)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_whole_numbers_are_labels_in_any_type(save, dtype):
    label = read_label(save(np.array([[[0, 255], [1, 4]]], dtype=dtype)))
    assert label.array.dtype.kind in "ui"
    assert label.array.tolist() == [[[0, 255], [1, 4]]]


def test_fractional_labels_are_refused_with_a_short_list(save):
    with pytest.raises(LabelError, match=r"found 0\.5, 1\.5 in 2 voxels\. Round the labels"):
        read_label(save(np.array([[[0, 0.5], [1.5, 1]]])))
    many = np.linspace(0.001, 0.999, 500).reshape(10, 10, 5)
    with pytest.raises(LabelError, match=r"and 495 more .* looks like an image"):
        read_label(save(many))


def volume(shape=(4, 4, 4), affine=None, name="a"):
    header = nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4) if affine is None else affine).header
    return Volume(np.zeros(shape, np.uint8), np.eye(4) if affine is None else affine, header, name)


def test_grids_are_graded():
    affine = np.diag([-2.0, 1, 1, 1])
    image = volume(affine=affine)
    noise = affine + 1e-8
    noise[3] = 0, 0, 0, 1
    shifted = affine.copy()
    shifted[0, 3] = 3
    assert compare_grids(image, volume(affine=noise)).grade == "ok"
    moved = compare_grids(image, volume(affine=shifted))
    assert moved.grade == "repairable"
    assert "3 mm apart" in moved.difference
    # A unit affine says nothing about where the voxels are, so it cannot contradict the image.
    assert compare_grids(image, volume()).grade == "repairable"
    mirrored = compare_grids(image, volume(affine=np.diag([2.0, 1, 1, 1])))
    assert mirrored.grade == "fatal"
    assert "axes RAS instead of LAS" in mirrored.difference
    other = compare_grids(image, volume((4, 4, 5)))
    assert other.grade == "fatal"
    assert other.difference == "shape (4, 4, 5) instead of (4, 4, 4)"


def test_message_tells_repairable_from_fatal():
    affine = np.eye(4)
    affine[2, 3] = 1.5
    with pytest.raises(
        GeometryError, match=r"case 'x': .* up to 1\.5 mm apart\. If the voxels do match, .* --fix"
    ):
        require_same_grid(volume(), volume(affine=affine), "x")
    with pytest.raises(GeometryError, match=r"shape \(4, 4, 5\) instead of \(4, 4, 4\)\. Resample it"):
        require_same_grid(volume(), volume((4, 4, 5)), "x")
