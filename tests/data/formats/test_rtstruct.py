import logging
from pathlib import Path

import numpy as np
import pytest

from alcseg.data.formats import FORMATS, read_label
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError, GeometryError

pydicom = pytest.importorskip("pydicom")

LABELS = {"background": 0, "heart": 1, "lung": 2}


def _write(path: Path, structures: dict[str, list[np.ndarray]], affine: np.ndarray) -> Path:
    """A structure set; contours are given in voxels of the grid with `affine`, to RAS."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = pydicom.uid.RTStructureSetStorage
    meta.MediaStorageSOPInstanceUID = "1.2.9"
    one = pydicom.Dataset()
    one.file_meta = meta
    one.SOPClassUID, one.SOPInstanceUID = meta.MediaStorageSOPClassUID, "1.2.9"
    one.StructureSetROISequence, one.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(structures.items(), start=3):
        roi, item = pydicom.Dataset(), pydicom.Dataset()
        roi.ROINumber, roi.ROIName, item.ReferencedROINumber = number, name, number
        item.ContourSequence = []
        for corners in contours:
            contour = pydicom.Dataset()
            contour.ContourGeometricType = "CLOSED_PLANAR"
            lps = (corners @ affine[:3, :3].T + affine[:3, 3]) * [-1, -1, 1]
            contour.ContourData = [float(f"{value:.8f}") for value in lps.ravel()]
            contour.NumberOfContourPoints = len(corners)
            item.ContourSequence.append(contour)
        one.StructureSetROISequence.append(roi)
        one.ROIContourSequence.append(item)
    one.save_as(path, enforce_file_format=True)
    return path


def _box(low: tuple[float, float], high: tuple[float, float], plane: float) -> np.ndarray:
    (x, y), (to_x, to_y) = low, high
    return np.array([[x, y, plane], [to_x, y, plane], [to_x, to_y, plane], [x, to_y, plane]])


def test_voxels_whose_centers_lie_inside_are_filled(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    triangle = np.array([[0.2, 0.1, 1], [6.0, 0.1, 1], [0.2, 5.0, 1]])
    path = _write(
        tmp_path / "rs.dcm",
        {"heart": [_box((0.6, 1.5), (3.4, 4.5), 2), _box((0.6, 1.5), (3.4, 4.5), 3)], "lung": [triangle]},
        image.affine,
    )
    found = read_label(path, LABELS, image)
    expected = np.zeros(image.shape, np.uint8)
    expected[1:4, 2:5, 2:4] = 1
    # Below the line from (6, 0.1) to (0.2, 5): y < 0.1 + 4.9 (6 - x) / 5.8.
    x, y = np.mgrid[:7, :6]
    expected[..., 1][(x > 0.2) & (y > 0.1) & (y < 0.1 + 4.9 * (6 - x) / 5.8)] = 2
    np.testing.assert_array_equal(found.array, expected)
    assert FORMATS["dicom-seg"].named_values(path) == {"heart": 3, "lung": 4}


def test_a_contour_within_another_and_a_keyhole_cut_a_hole(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    outer, inner = _box((-0.5, -0.5), (5.5, 4.5), 0), _box((1.5, 0.5), (3.5, 2.5), 0)
    keyhole = np.vstack([outer, outer[:1], inner, inner[:1]])
    expected = np.zeros(image.shape, np.uint8)
    expected[:6, :5, 0], expected[2:4, 1:3, 0] = 1, 0
    for number, contours in enumerate(([outer, inner], [keyhole])):
        path = _write(tmp_path / f"{number}.dcm", {"heart": contours}, image.affine)
        np.testing.assert_array_equal(read_label(path, LABELS, image).array, expected)


def test_contours_between_or_across_slices_are_refused(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    between = _write(tmp_path / "a.dcm", {"heart": [_box((1, 1), (4, 4), 1.5)]}, image.affine)
    with pytest.raises(GeometryError, match=r"contours of 'heart' in the slices 0 to 4.*found one at 1\.50"):
        read_label(between, LABELS, image)
    across = _box((1, 1), (4, 4), 1) + np.array([[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 1]])
    with pytest.raises(GeometryError, match="in the planes of the slices"):
        read_label(_write(tmp_path / "b.dcm", {"heart": [across]}, image.affine), LABELS, image)


def test_slices_left_out_are_told(series: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    image = read_series(series)
    boxes = [_box((1, 1), (4, 4), plane) for plane in (0, 3)]
    with caplog.at_level(logging.WARNING):
        read_label(_write(tmp_path / "a.dcm", {"heart": boxes}, image.affine), LABELS, image)
    assert "'heart' has no contour in 2 slices between others" in caplog.text


def test_contours_without_an_image_or_without_corners_are_refused(series: Path, tmp_path: Path) -> None:
    image = read_series(series)
    path = _write(tmp_path / "a.dcm", {"heart": [_box((1, 1), (4, 4), 1)]}, image.affine)
    with pytest.raises(DataError, match="expected an image beside an RTSTRUCT"):
        read_label(path, LABELS)
    with pytest.raises(DataError, match="three corners or more"):
        read_label(_write(path, {"heart": [np.ones((2, 3))]}, image.affine), LABELS, image)
    with pytest.raises(DataError, match="structures with closed contours, found none"):
        read_label(_write(path, {}, image.affine), LABELS, image)
