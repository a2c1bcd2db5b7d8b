import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands import predict as module
from alcseg.commands.predict import predict
from alcseg.data.folder import Dataset
from alcseg.data.predicted import Predictions
from alcseg.data.readers import dicom_slices
from alcseg.errors import DataError, PackageError, ResourceError, UsageError
from alcseg.inference.arrays import load
from alcseg.metrics.overlap import dice
from alcseg.records.plan import Plan
from alcseg.records.predictions import PredictionRecord

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]


def header_of(path: Path) -> tuple[list[list[float]], int, int, tuple[int, ...]]:
    image = nib.load(path)
    return (
        image.affine.tolist(),
        int(image.header["sform_code"]),
        int(image.header["qform_code"]),
        image.shape,
    )


def test_labels_land_on_the_source_grid_in_every_orientation(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    result = predict(make_run(), [solvable_dataset / "imagesTr"], out=tmp_path / "out")
    assert sorted(result.written) == ["hq_0", "lq_0", "lq_1", "val_0", "val_1", "val_2"]
    assert result.failed == {}
    for case_id in ("hq_0", "val_0", "val_1", "val_2"):
        out = tmp_path / "out" / f"{case_id}.nii.gz"
        assert header_of(out) == header_of(solvable_dataset / "imagesTr" / f"{case_id}_0000.nii.gz")
        assert np.array_equal(
            read_values(out), read_values(solvable_dataset / "labelsTr" / f"{case_id}.nii.gz")
        )
        assert read_values(out).dtype == np.uint8


def test_a_resampled_model_grid_comes_back_to_the_source_grid(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    # A finer model grid along the thick slices, whatever array axis they are.
    predict(make_run(spacing=(0.9, 0.9, 0.9)), [solvable_dataset / "imagesTr"], out=tmp_path / "out")
    for case_id in ("hq_0", "val_0", "val_1", "val_2"):
        out = tmp_path / "out" / f"{case_id}.nii.gz"
        truth = read_values(solvable_dataset / "labelsTr" / f"{case_id}.nii.gz")
        assert header_of(out) == header_of(solvable_dataset / "imagesTr" / f"{case_id}_0000.nii.gz")
        for value in (5, 9):
            assert dice(read_values(out) == value, truth == value) > 0.75


def test_probabilities_and_uncertainty_are_written_on_request(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = predict(make_run(), [solvable_dataset], out=out, probabilities=True, uncertainty=True, passes=2)
    assert sorted(path.name for path in out.iterdir()) == [
        "predict.json",
        "ts_0.nii.gz",
        "ts_0_prob.nii.gz",
        "ts_0_uncertainty.nii.gz",
    ]
    label, probs = read_values(out / "ts_0.nii.gz"), read_values(out / "ts_0_prob.nii.gz")
    assert probs.shape == (*label.shape, 3)
    assert np.allclose(probs.sum(-1), 1, atol=1e-5)
    assert np.array_equal(np.array([0, 5, 9])[probs.argmax(-1)], label)
    doubt = read_values(out / "ts_0_uncertainty.nii.gz")
    assert doubt.dtype == np.float32
    assert doubt.shape == label.shape
    assert doubt.min() >= 0
    again = Predictions.open(out)
    assert again.record == result.record
    assert again.written == {"ts_0": out / "ts_0.nii.gz"}
    assert np.array_equal(again["ts_0"].label, label)
    with pytest.raises(DataError, match="expected a prediction of 'ts_1', found none"):
        again["ts_1"]
    case = result.record.cases["ts_0"]
    assert (case.status, case.uncertainty) == ("ok", "ts_0_uncertainty.nii.gz")
    # The left box is 6 x 5 x 4 voxels of 1 x 1 x 2.5 mm.
    assert case.volume_mm3["left"] == pytest.approx(300, rel=1e-3)
    assert result.record.peak_memory_mib > 0
    assert {"python", "alcseg", "torch"} <= set(result.record.versions)


def test_a_broken_case_is_recorded_and_the_others_go_on(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    broken = solvable_dataset / "imagesTr" / "lq_0_0000.nii.gz"
    image = nib.load(broken)
    nib.save(nib.Nifti1Image(np.full(image.shape, np.nan, np.float32), image.affine), broken)
    result = predict(make_run(), [solvable_dataset / "imagesTr"], out=tmp_path / "out")
    assert list(result.failed) == ["lq_0"]
    assert "expected finite intensities" in result.failed["lq_0"]
    assert len(result.written) == 5
    assert PredictionRecord.read(tmp_path / "out").cases["lq_0"].status == "failed"
    with pytest.raises(DataError, match="expected finite intensities") as raised:
        predict(make_run(), [broken], out=tmp_path / "alone")
    assert raised.value.exit_code == 4
    assert not (tmp_path / "alone" / "lq_0.nii.gz").exists()


@pytest.mark.parametrize(
    ("at", "raw"),
    [
        (70, b"\1\0\1\0"),  # one bit per voxel
        (40, b"\3\0\xd0\7\xd0\7\xd0\7"),  # 2000 x 2000 x 2000 voxels
        (344, b"oops"),
        (280, b"\0\0\xc0\x7f"),  # nan in the affine
        (123, b"\1"),  # meters: terabytes on the grid of the run
    ],
)
def test_one_odd_header_stops_no_other_scan(
    at: int, raw: bytes, solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    content = bytearray(gzip.decompress((solvable_dataset / "imagesTr/hq_0_0000.nii.gz").read_bytes()))
    for name in "ac":
        (scans / f"{name}.nii.gz").write_bytes(gzip.compress(bytes(content)))
    content[at : at + len(raw)] = raw
    (scans / "b.nii.gz").write_bytes(gzip.compress(bytes(content)))
    result = predict(make_run(spacing=(1.0, 1.0, 2.0)), scans, out=tmp_path / "out")
    assert sorted(result.written) == ["a", "c"]
    assert str(scans / "b.nii.gz") in result.failed["b"]


def test_a_series_without_its_decoder_stops_no_other_scan(
    solvable_dataset: Path,
    make_run: MakeRun,
    write_slice: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pydicom = pytest.importorskip("pydicom")
    monkeypatch.setattr(dicom_slices, "_DECODERS", ("not_installed",))
    write_slice(tmp_path / "jpeg/1.dcm", np.zeros((8, 8)), (0, 0, 0))
    one = pydicom.dcmread(tmp_path / "jpeg/1.dcm")
    one.SliceThickness = 1
    one.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLosslessSV1
    one.PixelData = pydicom.encaps.encapsulate([b"no image"])
    one["PixelData"].is_undefined_length = True
    one.save_as(tmp_path / "jpeg/1.dcm")
    scan = solvable_dataset / "imagesTr/hq_0_0000.nii.gz"
    result = predict(make_run(), [tmp_path / "jpeg", scan], out=tmp_path / "out")
    assert list(result.failed) == ["jpeg"]
    assert 'pip install "alcseg[dicom-jpeg]"' in result.failed["jpeg"]
    assert len(result.written) == 1
    with pytest.raises(PackageError, match="dicom-jpeg"):
        predict(make_run(), tmp_path / "jpeg", out=tmp_path / "alone")


def test_a_scan_in_microns_is_that_in_millimetres_and_keeps_its_header(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    scan = nib.load(solvable_dataset / "imagesTr/hq_0_0000.nii.gz")
    affine = scan.affine.copy()
    affine[:3] *= 1000
    small = nib.Nifti1Image(scan.get_fdata()[..., None], affine)  # and with a fourth axis of length 1
    small.header.set_xyzt_units("micron")
    small.to_filename(tmp_path / "small.nii.gz")
    result = predict(make_run(spacing=(0.9, 0.9, 0.9)), tmp_path / "small.nii.gz", out=tmp_path / "out")
    written = nib.load(result.written["small"])
    assert np.array_equal(written.affine, nib.load(tmp_path / "small.nii.gz").affine)
    assert written.header.get_xyzt_units()[0] == "micron"
    truth = read_values(solvable_dataset / "labelsTr/hq_0.nii.gz")
    assert written.shape == truth.shape
    assert dice(read_values(result.written["small"]) == 5, truth == 5) > 0.75


def test_channels_have_to_be_those_of_the_run(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(channel_names=("T1", "T2"))
    with pytest.raises(DataError, match=r"expected 2 channel\(s\) \(T1, T2\), got 1"):
        predict(run, [solvable_dataset / "imagesTs"], out=tmp_path / "out")


def test_a_used_folder_is_refused_unless_told(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").touch()
    with pytest.raises(UsageError, match="expected an empty or new output folder"):
        predict(make_run(), [solvable_dataset], out=out)
    predict(make_run(), [solvable_dataset], out=out, overwrite=True)
    assert (out / "mine.txt").exists()
    assert (out / "ts_0.nii.gz").exists()


def test_an_input_is_never_replaced(solvable_dataset: Path, make_run: MakeRun) -> None:
    folder = solvable_dataset / "labelsTr"
    before = (folder / "hq_0.nii.gz").read_bytes()
    with pytest.raises(UsageError, match="found inputs in it"):
        predict(make_run(), [folder / "hq_0.nii.gz"], out=folder, overwrite=True)
    assert (folder / "hq_0.nii.gz").read_bytes() == before


def test_cases_of_which_one_would_replace_the_other_are_refused(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    image = solvable_dataset / "imagesTs" / "ts_0_0000.nii.gz"
    for name in ("scan", "scan_prob"):
        shutil.copyfile(image, tmp_path / f"{name}.nii.gz")
    scans = [tmp_path / "scan.nii.gz", tmp_path / "scan_prob.nii.gz"]
    with pytest.raises(UsageError, match=r"scan, scan_prob both give 'scan_prob\.nii\.gz'"):
        predict(make_run(), scans, out=tmp_path / "out", probabilities=True)
    assert not (tmp_path / "out").exists()
    assert len(predict(make_run(), scans, out=tmp_path / "out").written) == 2


def test_wrong_options_are_named(solvable_dataset: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run, out = make_run(), tmp_path / "out"
    with pytest.raises(UsageError, match="--window: expected one of gaussian, lineage"):
        predict(run, [solvable_dataset], out=out, window="round")
    with pytest.raises(UsageError, match="--network teacher: method 'h_sup' has none"):
        predict(run, [solvable_dataset], out=out, network="teacher")
    with pytest.raises(UsageError, match="--network: expected auto, student or teacher"):
        predict(run, [solvable_dataset], out=out, network="both")
    with pytest.raises(UsageError, match="--passes: expected at least 2"):
        predict(run, [solvable_dataset], out=out, uncertainty=True, passes=1)
    with pytest.raises(UsageError, match="--passes: expected --uncertainty beside it, got 8 alone"):
        predict(run, [solvable_dataset], out=out, passes=8)
    with pytest.raises(UsageError, match="--device: expected auto, cpu, cuda"):
        predict(run, [solvable_dataset], out=out, device="tpu")
    with pytest.raises(ResourceError, match="--device cuda:99: expected a CUDA device"):
        predict(run, [solvable_dataset], out=out, device="cuda:99")
    assert not out.exists()


def test_the_lineage_window_gives_the_same_for_a_pointwise_network(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    for window in ("gaussian", "lineage"):
        predict(make_run(), [solvable_dataset], out=tmp_path / window, window=window)
    first, second = (read_values(tmp_path / window / "ts_0.nii.gz") for window in ("gaussian", "lineage"))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("kind", [str, Path, Dataset.open])
def test_inputs_are_text_or_objects_one_or_several(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, kind: Callable[[Path], Any]
) -> None:
    inputs = kind(solvable_dataset)
    for name, given in (("one", inputs), ("several", [inputs])):
        result = predict(str(make_run()), given, out=str(tmp_path / name))
        assert list(result.written) == ["ts_0"]
        assert Path(result) == tmp_path / name


class Stopped(BaseException):
    """Stands for a kill: no handler of errors sees it."""


def stop_after(cases: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the prediction of the case after so many end everything."""
    left = iter([False] * cases + [True] * 99)
    predict_case = module._predict_case

    def stop(*given: Any) -> Any:
        if next(left):
            raise Stopped
        return predict_case(*given)

    monkeypatch.setattr(module, "_predict_case", stop)


def test_the_same_command_goes_on_with_what_is_missing(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, images, out = make_run(), solvable_dataset / "imagesTr", tmp_path / "out"
    whole = predict(run, [images], out=tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_after(2, patch)
        with pytest.raises(Stopped):
            predict(run, [images], out=out)
    assert PredictionRecord.read(out).status == "predicting"
    assert list(PredictionRecord.read(out).cases) == ["hq_0", "lq_0"]
    asked = []
    predict_case = module._predict_case
    monkeypatch.setattr(
        module, "_predict_case", lambda *given: asked.append(given[1].case_id) or predict_case(*given)
    )
    (out / "hq_0.nii.gz").unlink()  # what is gone is predicted again
    result = predict(run, [images], out=out)
    assert asked == ["hq_0", "lq_1", "val_0", "val_1", "val_2"]
    assert (result.record.status, list(result.record.cases)) == ("done", list(whole.record.cases))
    for case_id, path in whole.written.items():
        assert result.written[case_id].read_bytes() == path.read_bytes()
    assert predict(run, [images], out=out).record.cases == result.record.cases  # all is done already
    assert len(asked) == 5


def test_an_image_that_changed_is_predicted_again(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, read_values: Read
) -> None:
    run, images, out = make_run(), solvable_dataset / "imagesTr", tmp_path / "out"
    predict(run, [images], out=out)
    image = nib.load(images / "hq_0_0000.nii.gz")
    changed = np.asanyarray(image.dataobj).copy()
    changed[0, 0, 0] = 2
    nib.save(nib.Nifti1Image(changed, image.affine, image.header), images / "hq_0_0000.nii.gz")
    predict(run, [images], out=out)
    assert read_values(out / "hq_0.nii.gz")[0, 0, 0] == 9


def test_going_on_takes_the_same_run_options_and_cases(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    run, out = make_run(), tmp_path / "out"
    predict(run, [solvable_dataset], out=out)
    for options, said in (({"window": "lineage"}, "window=gaussian"), ({"probabilities": True}, "=False")):
        with pytest.raises(UsageError, match=f"predictions to go on with, found some with .*{said}"):
            predict(run, [solvable_dataset], out=out, **options)
    with pytest.raises(UsageError, match="found one of 'ts_0', which is not asked for"):
        predict(run, [solvable_dataset / "imagesTr"], out=out)
    with pytest.raises(UsageError, match="with run_hash="):
        predict(make_run(patch=(16, 16, 16)), [solvable_dataset], out=out)


def test_overwriting_replaces_all_predictions_or_none(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = make_run(), tmp_path / "out"
    predict(run, [solvable_dataset / "imagesTr"], out=out)
    (out / "notes.txt").touch()
    before = sorted(path.name for path in out.iterdir())
    with monkeypatch.context() as patch:
        stop_after(0, patch)
        with pytest.raises(Stopped):
            predict(run, [solvable_dataset], out=out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == before
    predict(run, [solvable_dataset], out=out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == ["notes.txt", "predict.json", "ts_0.nii.gz"]


def other_run(run: Path, folder: Path, **plan: object) -> Path:
    """The same network behind a plan of its own."""
    shutil.copytree(run, folder)
    Plan.read(run).model_copy(update={"patch": (10, 10, 8)} | plan).write(folder)
    return folder


def test_several_runs_answer_together_and_are_recorded(
    solvable_dataset: Path, make_run: MakeRun, read_values: Read, tmp_path: Path
) -> None:
    run, out = make_run(), tmp_path / "out"
    other = other_run(run, tmp_path / "other", spacing=(0.9, 0.9, 0.9))
    for name, one in (("one", run), ("two", other)):
        predict(one, [solvable_dataset], out=tmp_path / name, probabilities=True)
    predict(run, [solvable_dataset], out=out, others=[other], probabilities=True)
    alone = [read_values(tmp_path / name / "ts_0_prob.nii.gz") for name in ("one", "two")]
    mean = read_values(out / "ts_0_prob.nii.gz")
    assert not np.allclose(*alone, atol=0.1)
    assert np.allclose(mean, np.mean(alone, axis=0), atol=1e-6)
    label = read_values(out / "ts_0.nii.gz")
    assert np.array_equal(label, np.array([0, 5, 9])[mean.argmax(-1)])
    record = PredictionRecord.read(out)
    assert [(one.run, one.method) for one in record.others] == [(str(other), "h_sup")]
    assert record.other_hashes == (PredictionRecord.read(tmp_path / "two").run_hash,)
    predictor = load(run, other)
    image = nib.load(solvable_dataset / "imagesTs" / "ts_0_0000.nii.gz")
    assert np.array_equal(predictor(image.get_fdata(dtype=np.float32), affine=image.affine), label)
    with pytest.raises(UsageError, match="with other_hashes="):
        predict(run, [solvable_dataset], out=out, probabilities=True)
    with pytest.raises(UsageError, match="--uncertainty: is that of one network"):
        predict(run, [solvable_dataset], out=tmp_path / "no", others=[other], uncertainty=True)
