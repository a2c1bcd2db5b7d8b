"""SEG and RTSTRUCT files beside series: which they belong to is stated in them, not in their names."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.formats.dicom_label import DICOMLabelFormat
from alcseg.data.readers import ReaderOptions, find_reader
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")

LABELS = {"background": 0, "heart": 3, "wall": 7}


@pytest.fixture
def patients(tmp_path: Path, write_slice: Callable[..., None]) -> Path:
    """Three series of five slices."""
    for number in range(3):
        for index in range(5):
            path = tmp_path / "in" / f"p{number}" / "T1" / f"{index}.dcm"
            pixels = np.arange(42).reshape(6, 7) + index
            write_slice(path, pixels, (number, 0, 3.0 * index), series=f"1.2.3.{number + 1}")
            one = pydicom.dcmread(path)
            one.StudyInstanceUID, one.FrameOfReferenceUID = f"1.2.4.{number + 1}", f"1.2.5.{number + 1}"
            one.save_as(path)
    return tmp_path / "in"


def _label(seed: int) -> np.ndarray:
    label = np.zeros((7, 6, 5), np.uint8)
    label[1:4, 1 + seed : 4, 1:3], label[4:6, 2:4, 2] = 3, 7
    return label


def _segment(patients: Path, number: int, name: str, *, labelmap: bool = False) -> None:
    image = read_series(patients / f"p{number}" / "T1")
    DICOMLabelFormat(labelmap=labelmap).write_label(patients / name, _label(number), image, LABELS)


def _structures(path: Path, series: str) -> None:
    """One structure, `heart`, around the voxels 1 to 3 of both axes of slice 2."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = "1.2.9"
    one, roi, item, contour, frame, study, named = (pydicom.Dataset() for _ in range(7))
    one.file_meta, one.SOPClassUID, one.SOPInstanceUID = meta, pydicom.uid.RTStructureSetStorage, "1.2.9"
    one.SeriesInstanceUID, named.SeriesInstanceUID = "1.2.8", series
    roi.ROINumber, roi.ROIName, item.ReferencedROINumber = 1, "heart", 1
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.ContourData = [2.5, 1, 6, 5.5, 1, 6, 5.5, 7, 6, 2.5, 7, 6]  # mm: x is 2 + column, y is 2 rows
    item.ContourSequence, study.RTReferencedSeriesSequence = [contour], [named]
    frame.RTReferencedStudySequence = [study]
    one.ReferencedFrameOfReferenceSequence = [frame]
    one.StructureSetROISequence, one.ROIContourSequence = [roi], [item]
    one.save_as(path, enforce_file_format=True)


def test_each_series_gets_the_labels_that_refer_to_it(patients: Path, tmp_path: Path) -> None:
    _segment(patients, 0, "p1/odd.dcm")
    _segment(patients, 1, "p1/T1/0a.dcm", labelmap=True)
    _structures(patients / "p2" / "rs.dcm", "1.2.3.3")
    found = import_dataset(patients, tmp_path / "out")
    assert found.labels == {"background": 0, "heart": 1, "wall": 2}
    assert {row.case_id: row.quality for row in found.rows} == dict.fromkeys(
        ("p0_T1", "p1_T1", "p2_T1"), "hq"
    )
    for number in (0, 1):
        label = found[f"p{number}_T1"].label
        for name, value in list(LABELS.items())[1:]:
            np.testing.assert_array_equal(label == found.labels[name], _label(number) == value)
    heart = np.zeros((7, 6, 5), np.uint8)
    heart[1:4, 1:4, 2] = 1
    np.testing.assert_array_equal(found["p2_T1"].label, heart)


def test_a_series_without_labels_is_unlabeled(patients: Path) -> None:
    _segment(patients, 0, "p0/seg.dcm")
    cases = find_reader(patients).scan(patients, ReaderOptions()).cases
    assert {case.case_id: case.labeled for case in cases} == {"p0_T1": True, "p1_T1": False, "p2_T1": False}


def test_two_files_for_one_series_are_refused(patients: Path) -> None:
    _segment(patients, 0, "p0/one.dcm")
    _segment(patients, 0, "p0/two.dcm")
    with pytest.raises(
        DataError, match=r"expected one file of labels for the series, found .*one\.dcm, .*two"
    ):
        find_reader(patients).scan(patients, ReaderOptions())


def test_labels_of_a_series_that_is_not_there_are_told(
    patients: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _segment(patients, 0, "p0/seg.dcm")
    _structures(patients / "rs.dcm", "1.2.77")
    with caplog.at_level(logging.WARNING):
        find_reader(patients).scan(patients, ReaderOptions())
    assert "labels of series that are not there are left out" in caplog.text
    assert "rs.dcm" in caplog.text
