"""Datasets, runs and what verbs make of them as objects: arrays read when asked for, and data frames."""

import shutil
import sys

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import alcseg
from alcseg.errors import DataError, ResourceError, UsageError
from study_folder import SETTINGS


def stored(path):
    return np.asanyarray(nib.load(path).dataobj)


def test_a_dataset_is_a_sequence_of_cases_by_name(study):
    assert len(study.noisy) == 9
    assert [case.case_id for case in study.noisy] == [row.case_id for row in study.noisy.rows]
    case = study.noisy["phantom_003"]
    assert (case.quality, case.split, case.group) == ("lq", "train", "phantom_003")
    assert [one.case_id for one in study.noisy.select(split="test")] == ["phantom_008", "phantom_009"]
    with pytest.raises(DataError, match="no 'phantom_99'"):
        study.noisy["phantom_99"]


def test_a_case_reads_its_arrays_once_and_when_asked(study, monkeypatch):
    read = []
    own = alcseg.Dataset.read
    monkeypatch.setattr(alcseg.Dataset, "read", lambda *a, **k: read.append(a[1]) or own(*a, **k))
    case = study.noisy["phantom_004"]
    assert read == []
    file = nib.load(study.root / "noisy/imagesTr/phantom_004_0000.nii.gz")
    assert np.array_equal(case.image, file.get_fdata())
    assert np.array_equal(case.images[0], case.image)
    assert np.array_equal(case.affine, file.affine)
    assert case.spacing == pytest.approx((2, 2, 2))
    assert np.array_equal(case.label, stored(study.root / "noisy/labelsTr/phantom_004.nii.gz"))
    assert read == ["phantom_004"]


def test_predictions_give_their_maps(study):
    assert len(study.predictions) == 2
    assert [maps.case_id for maps in study.predictions] == ["phantom_008", "phantom_009"]
    maps, out = study.predictions["phantom_008"], study.root / "predictions"
    assert np.array_equal(maps.label, stored(out / "phantom_008.nii.gz"))
    assert np.array_equal(maps.uncertainty, stored(out / "phantom_008_uncertainty.nii.gz"))
    assert np.array_equal(maps.probabilities, stored(out / "phantom_008_prob.nii.gz"))
    assert np.allclose(maps.probabilities.sum(axis=-1), 1, atol=1e-5)
    assert np.array_equal(maps.affine, nib.load(out / "phantom_008.nii.gz").affine)
    assert maps.spacing == pytest.approx((2, 2, 2))


def test_maps_that_nobody_asked_for_are_none(study, tmp_path):
    maps = alcseg.predict(study.run, study.noisy["phantom_008"], out=tmp_path / "out")["phantom_008"]
    assert maps.uncertainty is None
    assert maps.probabilities is None


def test_a_correction_gives_given_and_written_labels(study):
    assert [case.case_id for case in study.correction] == list(study.correction.ranked)
    assert [case.ranking[0].rank for case in study.correction] == [1, 2, 3, 4]
    assert len(study.correction) == 4
    root = study.root / "correction"
    case = study.correction["phantom_003"]
    assert np.array_equal(case.written, stored(root / "labelsTr/phantom_003.nii.gz"))
    assert np.array_equal(case.given, stored(study.root / "noisy/labelsTr/phantom_003.nii.gz"))
    assert np.array_equal(case.uncertainty, stored(root / "uncertainty/phantom_003.nii.gz"))
    assert case.image.shape == case.given.shape
    assert case.spacing == pytest.approx((2, 2, 2))


def test_a_trusted_case_of_a_correction_kept_its_label(study):
    case = study.correction["phantom_001"]
    assert case.ranking == ()
    assert case.uncertainty is None
    assert np.array_equal(case.given, case.written)


def test_an_evaluation_gives_what_it_compared(study):
    assert [case.case_id for case in study.scores] == ["phantom_008", "phantom_009"]
    case = study.scores["phantom_009"]
    assert np.array_equal(case.pred, study.predictions["phantom_009"].label)
    assert np.array_equal(case.truth, study.phantoms["phantom_009"].label)
    assert {row.class_name for row in case.scores} == {"body", "tail"}
    with pytest.raises(DataError, match="'phantom_001'"):
        study.scores["phantom_001"]


def test_labels_of_two_datasets_are_compared_as_they_lie(study, tmp_path):
    found = alcseg.evaluate(study.correction, study.phantoms, out=tmp_path / "scores", split="train")
    assert set(found.by_case("dice")) == {row.case_id for row in study.noisy.rows_where(split="train")}
    assert found.by_case("dice")["phantom_001"] == 1
    assert found.summary.dataset == str(study.root / "phantoms")
    assert np.array_equal(found["phantom_003"].pred, study.correction["phantom_003"].written)


def test_a_dataset_json_beside_predictions_makes_no_dataset(study, tmp_path):
    (tmp_path / "pred").mkdir()
    for name in ("predictions/phantom_008.nii.gz", "noisy/dataset.json"):
        (tmp_path / "pred" / name.split("/")[1]).write_bytes((study.root / name).read_bytes())
    found = alcseg.evaluate(tmp_path / "pred", tmp_path / "pred", out=tmp_path / "scores")
    assert set(found.by_case("dice")) == {"phantom_008"}
    assert found.summary.dataset is None


def test_an_open_object_is_not_read_again(study):
    for opened in (study.noisy, study.run, study.predictions, study.correction, study.scores):
        assert type(opened).open(opened) is opened


FRAMES = {
    "dataset": (lambda study: study.noisy.to_frame(), 9, ["case_id", "quality", "split", "group", "source"]),
    "evaluation": (
        lambda study: study.scores.to_frame(),
        2 * 2 * len(alcseg.metrics.METRICS),
        ["case_id", "class", "metric", "value", "unit", "status"],
    ),
    "ranking": (lambda study: study.correction.to_frame(), 8, ["rank", "written_rank", "case_id", "class"]),
    "offsets": (lambda study: study.correction.to_frame("offsets"), 8, ["case_id", "class", "drawn_mm"]),
    "run": (lambda study: study.run.to_frame(), 4, ["step", "loss", "lr", *("hq", "lq", "noisy", "con")]),
    "predictions": (
        lambda study: study.predictions.to_frame(),
        2,
        ["case_id", "status", "body_mm3", "tail_mm3", "time_s", "error"],
    ),
    "methods": (lambda study: alcseg.methods().to_frame(), len(alcseg.methods()), ["name", "paper"]),
    "noise": (
        lambda study: alcseg.corrupt(study.phantoms, study.root / "again", hq_first=2).to_frame(),
        4,
        ["case_id", "operation", "model"],
    ),
    "plan": (
        lambda study: alcseg.plan_training(study.noisy, set=SETTINGS).to_frame(),
        1,
        ["spacing_mm", "patch"],
    ),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames_have_the_columns_of_the_files(study, name):
    make, lines, columns = FRAMES[name]
    frame = make(study)
    assert isinstance(frame, pd.DataFrame)
    assert len(frame) == lines
    assert list(frame.columns)[: len(columns)] == columns


def test_findings_are_a_frame(study, tmp_path):
    shutil.copytree(study.root / "noisy", tmp_path / "noisy")
    (tmp_path / "noisy/imagesTr/phantom_002_0000.nii.gz").unlink()
    frame = alcseg.check(tmp_path / "noisy").to_frame()
    assert frame[["grade", "case_id"]].to_numpy().tolist()[0] == ["fatal", "phantom_002"]


def test_a_table_that_is_not_there_is_refused(study):
    with pytest.raises(UsageError, match="ranking or offsets"):
        study.correction.to_frame("rankings")


def test_without_pandas_the_remedy_is_named(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ResourceError, match="pip install pandas"):
        study.noisy.to_frame()
