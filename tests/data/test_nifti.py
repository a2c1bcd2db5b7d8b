"""Images and label maps out of one file."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.nifti import read_grid, read_image, read_label, read_map
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


@pytest.mark.parametrize(("unit", "step"), [("mm", 0.05), ("micron", 50), ("meter", 5e-5), ("unknown", 0.05)])
def test_places_are_millimetres_whatever_the_unit(tmp_path, unit, step):
    nifti = nib.Nifti1Image(np.arange(8.0).reshape(2, 2, 2), np.diag([step, step, step, 1]))
    nifti.header.set_xyzt_units(unit)
    nifti.to_filename(tmp_path / "a.nii.gz")
    assert read_image(tmp_path / "a.nii.gz").spacing == pytest.approx((0.05, 0.05, 0.05), rel=1e-6)
    assert read_grid(tmp_path / "a.nii.gz")[1][0, 0] == pytest.approx(0.05, rel=1e-6)


def resaved(array, path, dtype=np.uint8):
    """Floats written by nibabel under an integer header: it stores them scaled."""
    nifti = nib.Nifti1Image(np.asarray(array, np.float64), np.eye(4))
    nifti.header.set_data_dtype(dtype)
    nifti.to_filename(path)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
@pytest.mark.parametrize("highest", [1, 2, 3, 100, 200])
def test_scaled_labels_are_the_whole_numbers_they_were(tmp_path, highest, dtype):
    values = np.arange(12).reshape(2, 2, 3) * highest // 11
    path = resaved(values, tmp_path / "a.nii.gz", dtype)
    label = read_label(path)
    assert label.array.tolist() == values.tolist()
    assert label.rounded == (nib.load(path).get_fdata().tolist() != values.tolist())


def test_scaled_fractions_are_refused_with_their_digits(tmp_path):
    # 0..1 in 255 steps: 0.5 is 0.498 or 0.502, and half a step is 0.002.
    with pytest.raises(LabelError, match=r"found 0\.498039\d+ in 1 voxels"):
        read_label(resaved([[[0, 0.5, 1]]], tmp_path / "a.nii.gz"))
    # 0..400 in 255 steps: labels that were merged cannot come back.
    with pytest.raises(LabelError, match="expected whole-number labels"):
        read_label(resaved(np.arange(401).reshape(1, 1, 401), tmp_path / "b.nii.gz"))


def test_fractions_are_told_with_all_their_digits(save):
    with pytest.raises(LabelError, match=r"found 1\.0000001 in 1 voxels"):
        read_label(save(np.array([[[0, 1, 1.0000001]]], np.float32)))


def test_axes_of_one_behind_the_third_are_left_out(save, rng):
    array = rng.normal(size=(3, 4, 5, 1, 1))
    image = read_image(save(array))
    assert image.shape == (3, 4, 5)
    assert np.array_equal(image.array, array[..., 0, 0].astype(np.float32))
    assert read_grid(save(array))[0] == (3, 4, 5)
    assert read_map(save(array[:, :, :, 0])).shape == (3, 4, 5)
