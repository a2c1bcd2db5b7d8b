"""What a hospital exports beside a series, and files that are damaged or odd."""

from contextlib import suppress

import numpy as np
import pytest

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.readers.dicom import DICOMReader, read_series
from alcseg.data.readers.inputs import find_inputs
from alcseg.errors import DataError, ResourceError

pydicom = pytest.importorskip("pydicom")


def edit(path, **tags):
    """Give some tags of a file another value, and take those that are None out."""
    one = pydicom.dcmread(path)
    for tag, value in tags.items():
        if value is None:
            del one[tag]
        else:
            one[tag] = pydicom.DataElement(
                tag, pydicom.datadict.dictionary_VR(tag), value, validation_mode=pydicom.config.IGNORE
            )
    if "SOPClassUID" in tags:
        one.file_meta.MediaStorageSOPClassUID = tags["SOPClassUID"]
    one.save_as(path)


@pytest.fixture
def series(write_slice):
    """Write a series of four slices into a folder."""

    def write(folder, **options):
        for index in range(4):
            write_slice(
                folder / f"{index}.dcm", np.arange(12).reshape(3, 4) + index, (0, 0, 2.5 * index), **options
            )

    return write


def test_other_objects_of_an_export_are_left_out_by_name(tmp_path, series, write_slice, caplog):
    for patient in ("P1", "P2"):
        series(tmp_path / "src" / patient / "T1")
    alone = tmp_path / "src/P1/extra/dose.dcm"
    beside = tmp_path / "src/P1/T1/shot.dcm"
    for path in (alone, beside):
        write_slice(path, np.eye(3, 4), (0, 0, 0), series="9")
        edit(path, SOPClassUID=pydicom.uid.SecondaryCaptureImageStorage, ImagePositionPatient=None)
    scout = tmp_path / "src/P2/T1/scout.dcm"
    write_slice(scout, np.eye(3, 4), (0, 0, 0), series="8", orientation=(0, 1, 0, 0, 0, -1))
    edit(scout, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    planes = tmp_path / "src/P2/planes"
    for index, orientation in enumerate([(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1)]):
        write_slice(planes / f"{index}.dcm", np.eye(3, 4), (0, 0, 0), orientation=orientation)
    folder = import_dataset(tmp_path / "src", tmp_path / "out")
    assert [row.case_id for row in folder.rows] == ["P1_T1", "P2_T1"]
    assert all(case.image.shape == (4, 3, 4) for case in folder)
    for said in (
        "P1/extra/dose.dcm (Secondary Capture Image Storage)",
        "shot.dcm (Secondary Capture Image Storage)",
        "scout.dcm (localizer)",
        "P2/planes (slices across one another)",
    ):
        assert said in caplog.text
    with pytest.raises(DataError, match=r"expected DICOM slices, found dose\.dcm \(Secondary Capture"):
        read_series(alone.parent)


def test_a_segmentation_of_a_series_that_is_not_there_is_named(tmp_path, series, write_slice, caplog):
    series(tmp_path / "src/T1")
    write_slice(tmp_path / "src/SEG/1.dcm", np.eye(3, 4), (0, 0, 0))
    edit(tmp_path / "src/SEG/1.dcm", SOPClassUID=pydicom.uid.SegmentationStorage)
    assert len(import_dataset(tmp_path / "src", tmp_path / "out")) == 1
    assert "labels of series that are not there are left out" in caplog.text
    assert "SEG/1.dcm" in caplog.text


@pytest.mark.parametrize(
    ("tag", "value", "said"),
    [
        ("ImagePositionPatient", None, "found no ImagePositionPatient"),
        ("ImagePositionPatient", "", "found no ImagePositionPatient"),
        ("ImagePositionPatient", ["1", "2"], "3 finite number.* as ImagePositionPatient"),
        ("ImagePositionPatient", ["1", "2", "nan"], "3 finite number.* as ImagePositionPatient"),
        ("ImageOrientationPatient", ["1", "0", "0"], "6 finite number.* as ImageOrientationPatient"),
        ("ImageOrientationPatient", ["0"] * 6, "direction cosines of length 1"),
        ("ImageOrientationPatient", ["1", "0", "0", "1", "0", "0"], "right angle"),
        ("ImageOrientationPatient", ["2", "0", "0", "0", "1", "0"], "direction cosines of length 1"),
        ("PixelSpacing", "", "found no PixelSpacing"),
        ("PixelSpacing", ["1"], "2 finite number.* as PixelSpacing"),
        ("PixelSpacing", ["0", "1"], "expected voxel sizes above 0 mm"),
        ("PixelSpacing", ["1", "-1"], "expected voxel sizes above 0 mm"),
        ("Rows", 0, "found no Rows"),
        ("SeriesInstanceUID", "", "found no SeriesInstanceUID"),
        ("PixelData", None, "found no PixelData"),
        ("BitsAllocated", 64, "expected a DICOM slice, cannot read it"),
        ("RescaleSlope", "0", "RescaleSlope other than 0"),
        ("RescaleIntercept", "inf", "1 finite number.* as RescaleIntercept"),
        ("ImageOrientationPatient", ["inf", "0", "0", "0", "1", "0"], "6 finite number"),
        ("PhotometricInterpretation", "PALETTE COLOR", "PALETTE COLOR"),
        ("NumberOfFrames", "3", "found 3 frames in one file"),
    ],
)
def test_a_damaged_slice_is_one_line_and_other_series_go_on(tmp_path, series, tag, value, said):
    series(tmp_path / "good")
    series(tmp_path / "bad")
    edit(tmp_path / "bad/2.dcm", **{tag: value})
    good, bad = sorted(find_inputs([tmp_path], channels=1), key=lambda case: case.case_id == "bad")
    assert good.read().images[0].shape == (4, 3, 4)
    with pytest.raises(DataError, match=rf"2\.dcm: .*{said}") as refused:
        bad.read()
    assert "\n" not in str(refused.value)


def test_one_slice_across_the_others_is_an_error_and_no_localizer(tmp_path, series):
    series(tmp_path / "good")
    series(tmp_path / "bad")
    edit(tmp_path / "bad/2.dcm", ImageOrientationPatient=["0", "1", "0", "0", "0", "-1"])
    with pytest.raises(DataError, match="expected slices of one size and orientation"):
        import_dataset(tmp_path, tmp_path.with_name("out"))


def test_what_cannot_be_read_at_all_stops_no_other_series(tmp_path, series):
    series(tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/1.dcm").write_bytes(b"no DICOM")
    bad, good = find_inputs([tmp_path], channels=1)
    assert good.read().images[0].shape == (4, 3, 4)
    with pytest.raises(DataError, match=r"1\.dcm: expected a DICOM slice, cannot read it"):
        bad.read()


def test_a_scout_in_three_planes_among_the_slices_is_left_out(tmp_path, series, write_slice, caplog):
    series(tmp_path)
    for index, orientation in enumerate([(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1)]):
        write_slice(
            tmp_path / f"scout{index}.dcm", np.eye(3, 4), (0, 0, 1), orientation=orientation, series="7"
        )
    assert read_series(tmp_path).shape == (4, 3, 4)
    assert "scout2.dcm (slices across one another)" in caplog.text


@pytest.mark.parametrize("label", ["label.nii.gz", "labels/p1.mha", "p1/T1_seg.nrrd"])
def test_labels_beside_a_series_are_an_error_for_import_alone(tmp_path, series, label):
    series(tmp_path / "src/p1")
    (tmp_path / "src" / label).parent.mkdir(exist_ok=True)
    (tmp_path / "src" / label).touch()
    with pytest.raises(DataError, match=rf"expected DICOM series alone, .* found \S*{label}"):
        import_dataset(tmp_path / "src", tmp_path / "out", format="dicom")
    assert DICOMReader().cases(tmp_path / "src", 1)[0].case_id == "p1"


def test_any_bytes_in_a_header_are_read_or_refused(tmp_path, series):
    series(tmp_path / "s")
    whole, rng = (tmp_path / "s/1.dcm").read_bytes(), np.random.default_rng(0)
    header = len(whole) - 24
    for _ in range(60):
        content = bytearray(whole)
        for place in rng.integers(132, header, rng.integers(1, 5)):
            content[place] = rng.choice([*b"0123456789.-eE\\ ", *range(256)])
        (tmp_path / "s/1.dcm").write_bytes(
            content[: rng.integers(132, header)] if rng.random() < 0.2 else content
        )
        with suppress(DataError, ResourceError):
            read_series(tmp_path / "s")
