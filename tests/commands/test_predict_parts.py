"""A cohort in parts, by hand or as jobs, ends as one call ends."""

import logging
import pickle
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from alcseg.commands import predict as module
from alcseg.commands._parts import PARTS
from alcseg.commands.predict import predict
from alcseg.errors import DataError, UsageError
from alcseg.launching.local import LocalLauncher
from alcseg.locks import alone
from alcseg.records.predictions import PredictionRecord
from study_folder import Study

MakeRun = Callable[..., Path]


class Stopped(BaseException):
    """Stands for a kill."""


def essence(record: PredictionRecord) -> tuple[object, ...]:
    """All but times and memory."""
    cases = {name: case.model_copy(update={"time_s": 0.0}) for name, case in record.cases.items()}
    return record.status, record.run_hash, list(cases), cases


def voxels(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.nii.gz"))}


def test_parts_end_as_one_call_ends(solvable_dataset: Path, make_run: MakeRun, tmp_path: Path) -> None:
    run, images, out = make_run(), [solvable_dataset / "imagesTr"], tmp_path / "out"
    whole = predict(run, images, out=tmp_path / "whole")
    second = predict(run, images, out=out, num_parts=2, part_id=1)
    assert list(second.written) == ["lq_0", "val_0", "val_2"]  # every second by name, from the second on
    assert PredictionRecord.read(out).status == "predicting"
    first = predict(run, images, out=out, num_parts=2, part_id=0)
    assert list(first.written) == ["hq_0", "lq_1", "val_1"]
    joined = PredictionRecord.read(out)
    assert essence(joined) == essence(whole.record)
    assert joined.time_s == pytest.approx(first.record.time_s + second.record.time_s, abs=0.01)
    assert voxels(out) == voxels(tmp_path / "whole")
    assert sorted(path.name for path in out.iterdir()) == sorted([*voxels(out), "predict.json"])
    assert predict(run, images, out=out).record.cases == joined.cases  # all is there


def test_a_part_that_was_stopped_goes_on_and_so_does_one_call_for_all(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, images, out = make_run(), [solvable_dataset / "imagesTr"], tmp_path / "out"
    asked: list[str] = []
    predict_case = module._predict_case

    def once(*given):
        if len(asked) == 2:
            raise Stopped
        asked.append(given[1].case_id)
        return predict_case(*given)

    monkeypatch.setattr(module, "_predict_case", once)
    with pytest.raises(Stopped):
        predict(run, images, out=out, num_parts=2, part_id=0)
    assert not (out / "predict.json").exists()
    monkeypatch.setattr(
        module, "_predict_case", lambda *given: asked.append(given[1].case_id) or predict_case(*given)
    )
    with pytest.raises(UsageError, match="with window=gaussian"):
        predict(run, images, out=out, num_parts=2, part_id=1, window="lineage")
    predict(run, images, out=out, num_parts=2, part_id=0)
    assert asked == ["hq_0", "lq_1", "val_1"]
    predict(run, images, out=out)
    assert asked == ["hq_0", "lq_1", "val_1", "lq_0", "val_0", "val_2"]
    assert PredictionRecord.read(out).status == "done"
    assert not (out / PARTS).exists()


def test_a_part_is_predicted_by_one_process_and_all_cases_by_none_beside_it(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, images, out = make_run(), [solvable_dataset / "imagesTr"], tmp_path / "out"
    entered = []

    def note(folder: Path, **more: float):
        entered.append(folder)
        return alone(folder, **more)

    predict(run, images, out=out, num_parts=2, part_id=0)
    (out / PARTS / "1-of-2").mkdir(parents=True)
    for place in ("_parts", "_going_on"):
        monkeypatch.setattr(f"alcseg.commands.{place}.alone", note)
    predict(run, images, out=out, num_parts=2, part_id=1)
    assert entered[0] == out / PARTS / "1-of-2"
    (out / PARTS / "1-of-2").mkdir(parents=True)
    entered.clear()
    predict(run, images, out=out, overwrite=True)
    assert entered[0] == out / PARTS / "1-of-2"
    assert not (out / PARTS).exists()


def test_more_parts_than_cases_and_cases_that_fail_are_no_error_of_a_part(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    run, images, out = make_run(), [solvable_dataset / "imagesTs"], tmp_path / "out"
    empty = predict(run, images, out=out, num_parts=2, part_id=1)
    assert (empty.written, empty.failed) == ({}, {})
    scan = images[0] / "ts_0_0000.nii.gz"
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.float32), np.eye(4)), scan)
    assert list(predict(run, images, out=out, num_parts=2, part_id=0).failed) == ["ts_0"]
    assert PredictionRecord.read(out).status == "done"


def test_jobs_predict_all_parts(
    solvable_dataset: Path,
    make_run: MakeRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    run, images, out = make_run(), [solvable_dataset / "imagesTr"], tmp_path / "out"
    whole = predict(run, images, out=tmp_path / "whole")
    with caplog.at_level(logging.INFO, "alcseg"):
        found = predict(run, images, out=out, num_parts=99)  # in this process, one after the other
    assert essence(found.record) == essence(whole.record)
    assert "part 5 of 6: predicted" in caplog.text
    launched = []

    def launch(self, jobs, ended):
        launched.append((self.side_by_side, len(jobs)))
        for job in jobs:
            ended(job, pickle.loads(pickle.dumps(job.work))("cpu"))  # as another process gets it

    monkeypatch.setattr(LocalLauncher, "launch", launch)
    predict(run, images, out=tmp_path / "two", jobs=2)
    assert launched == [(2, 2)]
    assert voxels(tmp_path / "two") == voxels(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_parts_may_be_jobs_of_slurm(study: Study, tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    images, out = [study.noisy.root / "imagesTs"], tmp_path / "out"
    whole = predict(study.run, images, out=tmp_path / "whole", device="cpu", engine="torch")
    options = {
        "launcher": "slurm",
        "num_parts": 2,
        "slurm": ["cluster=local"],
        "device": "cpu",
        "engine": "torch",
    }
    found = predict(study.run, images, out=out, **options)
    assert essence(found.record) == essence(whole.record)
    assert voxels(out) == voxels(tmp_path / "whole")
    assert len(list((out / PARTS / "slurm").glob("*_log.out"))) == 2
    nib.save(nib.Nifti1Image(np.zeros((8, 8, 8), np.float32), np.eye(4)), tmp_path / "black.nii.gz")
    with pytest.raises(DataError, match=r"black.*\(all 1 cases failed"):
        predict(study.run, [tmp_path / "black.nii.gz"], out=tmp_path / "failed", **options)


WRONG = {
    "--part-id: expected --num-parts": {"part_id": 0},
    "--part-id: expected 0 to 1 with --num-parts 2, got 2": {"part_id": 2, "num_parts": 2},
    "--num-parts: expected at least 1, got 0": {"num_parts": 0},
    "--overwrite: parts write into one folder": {"num_parts": 2, "part_id": 0, "overwrite": True},
    "--overwrite: parts write into one": {"jobs": 2, "overwrite": True},
    "--part-id: this process predicts one part": {"num_parts": 2, "part_id": 0, "jobs": 2},
    "--launcher slurm: expected --num-parts or --jobs": {"launcher": "slurm"},
    "--slurm: expected --launcher slurm": {"slurm": ["partition=gpu"]},
}


@pytest.mark.parametrize("said", WRONG)
def test_options_that_do_not_go_together_are_refused(
    said: str, solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=said):
        predict(make_run(), [solvable_dataset], out=tmp_path / "out", **WRONG[said])
    assert not (tmp_path / "out").exists()
