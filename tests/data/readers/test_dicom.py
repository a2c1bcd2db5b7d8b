"""DICOM series, generated slice by slice, and a real one."""

import numpy as np
import pytest

from alcseg.data.geometry import ModelGrid
from alcseg.data.nifti import read_image
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError, GeometryError, ResourceError

pytest.importorskip("pydicom")


@pytest.fixture
def series(tmp_path, write_slice):
    """Five slices of 3x4 pixels, 2.5 mm apart, file names against the order of positions."""
    folder = tmp_path / "p1" / "s1"
    for index in range(5):
        pixels = np.arange(12).reshape(3, 4) + 100 * index
        write_slice(folder / f"{9 - index}.dcm", pixels, (10, 20, 30 + 2.5 * index), slope=2, intercept=-5)
    return folder


def test_slices_are_sorted_rescaled_and_placed_in_ras(series):
    volume = read_series(series)
    assert volume.shape == (4, 3, 5)
    assert volume.spacing == (1.0, 2.0, 2.5)
    # Column 1, row 2, slice 3 holds 2*4+1 + 300, times 2 minus 5.
    assert volume.array[1, 2, 3] == (9 + 300) * 2 - 5
    # LPS (10 + 1*1, 20 + 2*2, 30 + 3*2.5) is RAS (-11, -24, 37.5).
    assert np.allclose(volume.affine @ [1, 2, 3, 1], [-11, -24, 37.5, 1])


def test_sagittal_series_comes_out_in_the_same_place(tmp_path, write_slice):
    # Rows run along -z, columns along y; the normal is -x, so slices are sorted from right... to left by -x.
    for index in range(3):
        write_slice(
            tmp_path / f"{index}.dcm",
            np.full((2, 2), index) + np.eye(2),
            (5.0 * index, 0, 0),
            orientation=(0, 1, 0, 0, 0, -1),
        )
    volume = read_series(tmp_path)
    place = volume.affine @ [0, 0, 0, 1]
    first = volume.array[1, 0, 0]
    # Whatever the order, the slice that holds k lies at LPS x = 5 k, which is RAS x = -5 k.
    assert np.isclose(place[0], -5 * first)
    assert np.allclose(np.diff(volume.array[1, 0]) * -5, volume.affine[0, 2])


def test_missing_slice_is_refused_with_its_place(series):
    (series / "7.dcm").unlink()
    with pytest.raises(
        GeometryError, match=r"a slice every 2\.50 mm, found a gap between the positions 32\.50 and 37\.50"
    ):
        read_series(series)


def test_doubled_slice_is_refused(series, write_slice):
    write_slice(series / "x.dcm", np.eye(3, 4), (10, 20, 35))
    with pytest.raises(GeometryError, match=r"one slice per position, found several at 35\.00 mm"):
        read_series(series)


def test_two_series_are_refused(series, write_slice):
    write_slice(series / "x.dcm", np.eye(3, 4), (10, 20, 60), series="9.8.7")
    with pytest.raises(DataError, match=r"expected one series, found 2: .*\(5 slices\).*\(1 slices\)"):
        read_series(series)


def test_other_faults_are_refused(series, tmp_path, write_slice):
    write_slice(series / "x.dcm", np.eye(4, 4), (10, 20, 42.5))
    with pytest.raises(
        DataError, match=r"slices of one size and orientation, found 3x4 voxels of 2x1 mm .*, 4x4 "
    ):
        read_series(series)
    (series / "x.dcm").write_bytes((series / "9.dcm").read_bytes()[:200])
    with pytest.raises(DataError, match=r"x\.dcm: expected"):
        read_series(series)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="expected DICOM slices, found none"):
        read_series(tmp_path / "empty")


def test_shifted_slice_is_refused(tmp_path, write_slice):
    for index in range(4):
        write_slice(tmp_path / f"{index}.dcm", np.eye(3, 4), (0.0 if index != 2 else 1.0, 0, index))
    with pytest.raises(GeometryError, match=r"straight stack, found one 1\.00 mm beside it"):
        read_series(tmp_path)


def test_missing_package_is_one_line(series, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(ResourceError, match=r'pip install "alcseg\[dicom\]"'):
        read_series(series)


def test_patients_are_groups_of_unlabeled_cases(series, tmp_path, write_slice):
    write_slice(tmp_path / "p1" / "s2" / "1.dcm", np.eye(3, 4), (0, 0, 0))
    write_slice(tmp_path / "p2" / "1.dcm", np.eye(3, 4), (0, 0, 0))
    found = find_reader(tmp_path).scan(tmp_path, ReaderOptions())
    assert [(case.case_id, case.group, case.quality) for case in found.cases] == [
        ("p1_s1", "p1", "unlabeled"),
        ("p1_s2", "p1", "unlabeled"),
        ("p2", "p2", "unlabeled"),
    ]
    assert found.cases[0].load().images[0].shape == (4, 3, 5)


def test_real_series_looks_like_the_mean_training_image(real_data):
    volume = read_series(real_data("dicom_hippocampus") / "Study1")
    assert volume.shape == (35, 51, 32)
    image = ModelGrid.between(volume.shape, volume.affine).image_to_model(volume.array)
    paths = sorted((real_data("Task04_Hippocampus") / "imagesTr").glob("*.nii.gz"))[::4]
    shape = (30, 40, 24)
    mean = np.mean([_middle(_standard(read_image(path).array), shape) for path in paths], axis=0)
    right = np.corrcoef(_middle(image, shape).ravel(), mean.ravel())[0, 1]
    unflipped = np.corrcoef(_middle(volume.array, shape).ravel(), mean.ravel())[0, 1]
    assert right > 0.6
    assert unflipped < 0.4


def _standard(array):
    return (array - array.mean()) / array.std()


def _middle(array, shape):
    start = [(have - want) // 2 for have, want in zip(array.shape, shape, strict=True)]
    return array[tuple(slice(at, at + want) for at, want in zip(start, shape, strict=True))]
