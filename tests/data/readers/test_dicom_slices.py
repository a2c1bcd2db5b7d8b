"""Slices as scanners write them: rounded cosines, frames of one file, tilted, compressed, inverted."""

import numpy as np
import pytest

from alcseg.data.readers import dicom_slices
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError, ResourceError

pydicom = pytest.importorskip("pydicom")

PIXELS = np.arange(60).reshape(5, 3, 4)
"""Slices, rows, columns."""


@pytest.fixture
def folder(tmp_path, write_slice):
    """Five slices of 2.5 mm distance, whose cosines are rounded differently."""
    for index, pixels in enumerate(PIXELS):
        cosine = 0.99995 if index % 2 else 0.999949
        sine = np.sqrt(1 - cosine**2).round(5)
        orientation = (cosine, sine, 0, -sine, cosine, 0)
        write_slice(
            tmp_path / f"{index}.dcm",
            pixels,
            (0, 0, 2.5 * index),
            orientation=orientation,
            slope=2,
            intercept=-5,
        )
    return tmp_path


def each(folder, change):
    for path in sorted(folder.glob("*.dcm")):
        one = pydicom.dcmread(path)
        change(one)
        one.save_as(path)


def test_cosines_may_differ_in_the_fifth_decimal(folder):
    volume = read_series(folder)
    assert volume.shape == (4, 3, 5)
    assert np.allclose(volume.spacing, (1, 2, 2.5), rtol=1e-4)
    assert np.array_equal(volume.array, PIXELS.T * 2 - 5)


def enhanced(folder, change=lambda one: None):
    """Put the slices of a folder, against their order, into one file of many frames."""
    ones = [pydicom.dcmread(path) for path in sorted(folder.glob("*.dcm"))][::-1]
    whole = ones[0].copy()
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = pydicom.uid.EnhancedMRImageStorage
    frames = []
    for one in ones:
        place, orientation, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = one.ImagePositionPatient
        orientation.ImageOrientationPatient = one.ImageOrientationPatient
        frame.PlanePositionSequence, frame.PlaneOrientationSequence = [place], [orientation]
        frames.append(frame)
    shared, measures, values = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    measures.PixelSpacing, measures.SliceThickness = ones[0].PixelSpacing, 2.5
    values.RescaleSlope, values.RescaleIntercept = ones[0].RescaleSlope, ones[0].RescaleIntercept
    shared.PixelMeasuresSequence, shared.PixelValueTransformationSequence = [measures], [values]
    whole.PerFrameFunctionalGroupsSequence, whole.SharedFunctionalGroupsSequence = frames, [shared]
    whole.NumberOfFrames, whole.PixelData = len(ones), b"".join(one.PixelData for one in ones)
    for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope"):
        del whole[tag]
    change(whole)
    (folder / "enhanced").mkdir()
    whole.save_as(folder / "enhanced/1.dcm")
    return folder / "enhanced"


def test_frames_of_one_file_are_the_slices_of_many(folder):
    one, many = read_series(enhanced(folder)), read_series(folder)
    assert np.array_equal(one.array, many.array)
    assert np.allclose(one.affine, many.affine)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: one.PerFrameFunctionalGroupsSequence.pop(), "the place of each of 5 frames, found 4"),
        (lambda one: one.PerFrameFunctionalGroupsSequence[2].clear(), "found no ImagePositionPatient"),
        (lambda one: one.SharedFunctionalGroupsSequence.pop(), "found no PixelSpacing"),
        (lambda one: setattr(one, "PixelData", one.PixelData[:30]), "cannot read it"),
    ],
)
def test_frames_without_a_place_are_refused(folder, change, said):
    with pytest.raises(DataError, match=said):
        read_series(enhanced(folder, change))


def test_a_tilted_stack_keeps_its_place_and_is_told(tmp_path, write_slice, caplog):
    for index, pixels in enumerate(PIXELS):
        write_slice(tmp_path / f"{index}.dcm", pixels, (0, -0.6 * index, 2.5 * index))
    volume = read_series(tmp_path)
    for index in range(5):
        assert np.allclose(volume.affine @ [0, 0, index, 1], [0, 0.6 * index, 2.5 * index, 1])
    assert "the last slice lies 2.4 mm beside the first" in caplog.text


@pytest.mark.parametrize(("modality", "turned"), [("MR", True), ("CT", False)])
def test_low_values_that_are_bright_are_turned_round_where_they_have_no_unit(
    folder, modality, turned, caplog
):
    def change(one):
        one.PhotometricInterpretation, one.Modality, one.BitsStored, one.HighBit = (
            "MONOCHROME1",
            modality,
            12,
            11,
        )

    before = read_series(folder).array
    each(folder, change)
    after = read_series(folder).array
    assert np.array_equal(after, 2 * (-1 - PIXELS.T) - 5.0 if turned else before)
    assert ("MONOCHROME1" in caplog.text) == turned


def test_run_lengths_are_decoded(folder):
    before = read_series(folder).array
    each(folder, lambda one: one.compress(pydicom.uid.RLELossless))
    assert np.array_equal(read_series(folder).array, before)


@pytest.mark.parametrize(
    ("decoders", "kind", "said"),
    [
        (("not_installed",), ResourceError, r'JPEG Lossless.* pip install "alcseg\[dicom-jpeg\]"'),
        (("pydicom",), DataError, "expected whole JPEG Lossless"),
    ],
)
def test_a_decoder_that_is_absent_is_named(folder, monkeypatch, decoders, kind, said):
    def change(one):
        one.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
        one.PixelData = pydicom.encaps.encapsulate([b"no image"])
        one["PixelData"].is_undefined_length = True

    monkeypatch.setattr(dicom_slices, "_DECODERS", decoders)
    each(folder, change)
    with pytest.raises(kind, match=said) as refused:
        read_series(folder)
    assert "\n" not in str(refused.value)


def test_the_only_slice_needs_a_thickness(tmp_path, write_slice):
    write_slice(tmp_path / "1.dcm", PIXELS[1], (0, 0, 0))
    with pytest.raises(DataError, match="SpacingBetweenSlices or SliceThickness of the only slice"):
        read_series(tmp_path)
    each(tmp_path, lambda one: setattr(one, "SliceThickness", 4))
    assert np.allclose(read_series(tmp_path).spacing, (1, 2, 4))


def test_slices_of_which_some_are_inverted_are_refused(folder):
    one = pydicom.dcmread(folder / "2.dcm")
    one.PhotometricInterpretation = "MONOCHROME1"
    one.save_as(folder / "2.dcm")
    with pytest.raises(DataError, match=r"slices of one size and orientation, found .* MONOCHROME1"):
        read_series(folder)
