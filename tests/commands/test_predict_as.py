"""`predict --as`: the same voxels in files of other programs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.predict import predict
from alcseg.data.predicted import Predictions
from alcseg.errors import DataError, UsageError

MakeRun = Callable[..., Path]


@pytest.fixture
def image(solvable_dataset: Path) -> Path:
    return solvable_dataset / "imagesTr" / "val_0_0000.nii.gz"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("seg.nrrd", "val_0.seg.nrrd"), ("nrrd", "val_0.nrrd"), ("mha", "val_0.mha"),
        ("mgz", "val_0.mgz"), ("bids", "sub-val0/anat/sub-val0_desc-alc_dseg.nii.gz"),
    ],
)  # fmt: skip
def test_predictions_are_the_same_voxels_in_each_format(
    image: Path, make_run: MakeRun, tmp_path: Path, name: str, file: str
) -> None:
    pytest.importorskip("nrrd")
    pytest.importorskip("SimpleITK")
    plain = predict(make_run(), image, out=tmp_path / "plain")["val_0"]
    found = predict(make_run(), image, out=tmp_path / "out", as_format=name)
    assert found.written == {"val_0": tmp_path / "out" / file}
    assert (tmp_path / "out" / "labels.ctbl").exists() == (name in ("nrrd", "mha", "mgz"))
    case = Predictions.open(tmp_path / "out")["val_0"]
    np.testing.assert_array_equal(case.label, plain.label)
    np.testing.assert_allclose(case.affine, plain.affine, atol=1e-5)


def test_a_dicom_series_gets_a_segmentation(
    make_run: MakeRun, tmp_path: Path, write_slice: Callable[..., None]
) -> None:
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("highdicom")
    series = tmp_path / "in" / "T1"
    for index in range(4):
        pixels = np.zeros((6, 8), int)
        pixels[1:4, 2:5] = 1 + (index == 2)
        write_slice(series / f"{index}.dcm", pixels if 0 < index < 3 else pixels * 0, (0, 0, 2.0 * index))
        one = pydicom.dcmread(series / f"{index}.dcm")
        one.StudyInstanceUID, one.FrameOfReferenceUID = "1.2.4", "1.2.5"
        one.save_as(series / f"{index}.dcm")
    found = predict(make_run(), series, out=tmp_path / "out", as_format="dicom-seg", labelmap=True)
    assert found.written == {"T1": tmp_path / "out" / "T1.dcm"}
    assert pydicom.dcmread(tmp_path / "out" / "T1.dcm").SegmentationType == "LABELMAP"
    assert found["T1"].label.shape == (8, 6, 4)
    assert [int((found["T1"].label == value).sum()) for value in (5, 9)] == [9, 9]
    plain = predict(make_run(), series, out=tmp_path / "plain")
    again = predict(
        make_run(), plain.written["T1"], out=tmp_path / "again", as_format="dicom-seg", series=series
    )
    assert again.failed == {}


def test_a_dicom_segmentation_needs_a_series(image: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(DataError, match=r"expected the DICOM series .*Name its folder with --series"):
        predict(run, image, out=tmp_path / "out", as_format="dicom-seg")
    with pytest.raises(DataError, match="--series: expected a folder with DICOM series"):
        predict(run, image, out=tmp_path / "out", as_format="dicom-seg", series=tmp_path / "absent")
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together_are_refused(image: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    with pytest.raises(UsageError, match=r"--as: expected one of bids, .* Did you mean 'nifti'"):
        predict(run, image, out=tmp_path / "out", as_format="nifty")
    with pytest.raises(UsageError, match="--labelmap: expected --as dicom-seg"):
        predict(run, image, out=tmp_path / "out", as_format="mha", labelmap=True)
    predict(run, image, out=tmp_path / "out")
    with pytest.raises(UsageError, match="label_format=nifti, asked for bids"):
        predict(run, image, out=tmp_path / "out", as_format="bids")


def test_bids_derivatives_say_what_they_are(image: Path, make_run: MakeRun, tmp_path: Path) -> None:
    named = tmp_path / "sub-01_ses-2_run-1_T1w.nii.gz"
    shutil.copy(image, named)
    out = tmp_path / "out"
    predict(make_run(), [image, named], out=out, as_format="bids", uncertainty=True)
    assert (out / "sub-01" / "ses-2" / "anat" / "sub-01_ses-2_run-1_desc-alc_dseg.json").exists()
    about = json.loads((out / "dataset_description.json").read_text())
    assert (about["DatasetType"], about["GeneratedBy"][0]["Name"]) == ("derivative", "alcseg")
    table = [line.split("\t") for line in (out / "desc-alc_dseg.tsv").read_text().splitlines()]
    assert table == [
        ["index", "name", "color"], ["0", "background", "#000000"], ["5", "left", "#e64c33"],
        ["9", "right", "#3399e6"],
    ]  # fmt: skip
