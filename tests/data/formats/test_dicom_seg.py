import os
from pathlib import Path

import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.formats import FORMATS, read_image, read_label
from alcseg.data.formats.dicom_label import DICOMLabelFormat
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError, GeometryError, LabelError, PackageError

pydicom = pytest.importorskip("pydicom")
highdicom = pytest.importorskip("highdicom")

LABELS = {"background": 0, "left atrium": 5, "wall": 9, "absent": 11}
STUDY = Path(__file__).parents[4] / "shared" / "data" / "dicom_hippocampus" / "Study1"


def _label(shape: tuple[int, int, int]) -> np.ndarray:
    """Ten landmarks in the slices between the first and the last."""
    label = np.zeros(shape, np.uint8)
    places = np.random.default_rng(0).permutation(np.argwhere(np.ones((*shape[:2], shape[2] - 2))))[:10]
    places[:, 2] += 1
    label[tuple(places[:5].T)], label[tuple(places[5:].T)] = 5, 9
    return label


def _theirs(path: Path, folder: Path) -> tuple[np.ndarray, dict[str, int]]:
    """The label map on the series by pydicom and highdicom alone, `(columns, rows, slices)`."""
    seg = highdicom.seg.segread(path)
    slices = [pydicom.dcmread(one) for one in folder.iterdir()]
    whole = highdicom.get_volume_from_series(slices)
    found = seg.get_volume(combine_segments=True).match_geometry(whole)
    # Whole may run against our order of slices, which is that of positions along the normal.
    normal = np.cross(*np.split(np.array(slices[0].ImageOrientationPatient, float), 2))
    array = found.array if whole.affine[:3, 0] @ normal > 0 else found.array[::-1]
    return array.transpose(2, 1, 0), {str(one.SegmentLabel): one.SegmentNumber for one in seg.SegmentSequence}


def _require_same(found: np.ndarray, numbers: dict[str, int], label: np.ndarray) -> None:
    for name, value in list(LABELS.items())[1:]:
        np.testing.assert_array_equal(found == numbers[name], label == value)


@pytest.mark.parametrize("labelmap", [False, True])
def test_others_read_it_back_onto_an_oblique_series(series: Path, tmp_path: Path, labelmap: bool) -> None:
    image = read_series(series)
    label = _label(image.shape)
    path = tmp_path / "out" / "case.dcm"
    DICOMLabelFormat(labelmap=labelmap).write_label(path, label, image, LABELS)
    _require_same(*_theirs(path, series), label)
    ours = read_label(path, LABELS, image)
    np.testing.assert_array_equal(ours.array, label)
    np.testing.assert_array_equal(ours.affine, image.affine)


@pytest.mark.skipif(not STUDY.is_dir(), reason="the real series is not there")
def test_others_read_it_back_onto_a_real_series(tmp_path: Path) -> None:
    image = read_series(STUDY)
    label = _label(image.shape)
    FORMATS["dicom-seg"].write_label(tmp_path / "case.dcm", label, image, LABELS)
    _require_same(*_theirs(tmp_path / "case.dcm", STUDY), label)
    one = pydicom.dcmread(tmp_path / "case.dcm")
    slices = [pydicom.dcmread(path) for path in STUDY.iterdir()]
    assert one.StudyInstanceUID == slices[0].StudyInstanceUID
    named = one.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert {item.ReferencedSOPInstanceUID for item in named} == {one.SOPInstanceUID for one in slices}


def test_without_an_image_it_spans_the_occupied_slices(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    label = _label(image.shape)
    label[..., 3:] = 0
    FORMATS["dicom-seg"].write_label(tmp_path / "case.dcm", label, image, LABELS)
    found = read_label(tmp_path / "case.dcm", LABELS)
    assert found.shape[2] == 2
    assert np.count_nonzero(found.array) == np.count_nonzero(label)


def test_an_empty_label_map_is_written_too(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    FORMATS["dicom-seg"].write_label(tmp_path / "case.dcm", np.zeros(image.shape, np.uint8), image, LABELS)
    assert not read_label(tmp_path / "case.dcm", LABELS, image).array.any()


def test_a_label_of_a_converted_image_goes_onto_the_series(series: Path, tmp_path: Path) -> None:
    """Converters reverse the rows; the voxels stay where they are."""
    image = read_series(series)
    label = _label(image.shape)
    flip = np.diag([1.0, -1, 1, 1])
    flip[1, 3] = image.shape[1] - 1
    converted = Volume(image.array[:, ::-1], image.affine @ flip, None, series)
    FORMATS["dicom-seg"].write_label(tmp_path / "case.dcm", label[:, ::-1], converted, LABELS)
    np.testing.assert_array_equal(read_label(tmp_path / "case.dcm", LABELS, image).array, label)


def test_an_unknown_series_and_another_grid_are_refused(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    file = Volume(image.array, image.affine, None, tmp_path / "image.nii.gz")
    with pytest.raises(DataError, match=r"expected the DICOM series that the image was made of.* --series"):
        FORMATS["dicom-seg"].write_label(tmp_path / "a.dcm", _label(image.shape), file, LABELS)
    moved = Volume(image.array, image.affine.copy(), None, series)
    moved.affine[:3, 3] += 0.5
    with pytest.raises(GeometryError, match="on the grid of the series"):
        FORMATS["dicom-seg"].write_label(tmp_path / "a.dcm", _label(image.shape), moved, LABELS)


def test_segments_that_overlap_are_refused_or_split(series: Path, tmp_path: Path) -> None:
    slices = [pydicom.dcmread(series / name) for name in sorted(os.listdir(series))]
    for one in slices:
        for tag in (
            "PatientID",
            "PatientName",
            "PatientBirthDate",
            "PatientSex",
            "AccessionNumber",
            "StudyID",
        ):
            setattr(one, tag, "")
        one.StudyDate = one.StudyTime = ""
    masks = np.zeros((5, 6, 7, 2), np.uint8)
    masks[2, 1:4, 1:4, 0] = masks[2, 3:5, 3:5, 1] = 1  # both have [2, 3, 3]
    code = highdicom.sr.CodedConcept("85756007", "SCT", "Tissue")
    highdicom.seg.Segmentation(
        slices, masks, "BINARY",
        [
            highdicom.seg.SegmentDescription(number, name, code, code, "MANUAL")
            for number, name in ((1, "wall"), (2, "left atrium"))
        ],
        highdicom.UID(), 7, highdicom.UID(), 1, "made", "made", "1", "1",
    ).save_as(tmp_path / "a.dcm")  # fmt: skip
    with pytest.raises(LabelError, match="'left atrium' does with 'wall' in 1 voxels"):
        read_label(tmp_path / "a.dcm", LABELS)
    counts = {}
    for first in ("wall", "left atrium"):
        found = read_label(tmp_path / "a.dcm", LABELS, priority=[first]).array
        counts[first] = [int((found == value).sum()) for value in (9, 5)]
    assert counts == {"wall": [9, 3], "left atrium": [8, 4]}


def test_what_is_no_label_and_a_missing_package_are_told(series: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(DataError, match="expected a DICOM SEG or RTSTRUCT, found MR Image Storage"):
        read_label(series / "9.dcm")
    with pytest.raises(DataError, match="expected an image, found segments"):
        read_image(tmp_path / "a.dcm")
    image = read_series(series)
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(PackageError, match=r"pip install \"alcseg\[dicom-seg\]\""):
        FORMATS["dicom-seg"].write_label(tmp_path / "a.dcm", _label(image.shape), image, LABELS)
