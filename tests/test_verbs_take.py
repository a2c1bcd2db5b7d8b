"""Every verb takes a str, a Path and an object for the same thing, and returns one kind of object."""

import os
import re
from pathlib import Path

import pytest

import alcseg
from alcseg.benchmarking.command import BenchmarkResult
from alcseg.commands.check import CheckReport
from alcseg.commands.corrupt import CorruptResult
from alcseg.commands.demo import DemoResult
from alcseg.commands.doctor import DoctorReport
from alcseg.commands.methods import MethodInfo, MethodList
from alcseg.commands.report import ReportResult
from alcseg.commands.train import TrainingPlan
from alcseg.data.archive import Archive
from alcseg.errors import CheckpointError, DataError
from study_folder import SETTINGS


class Anything:
    """An object of somebody else that stands for a path."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return os.fspath(self.path)


FORMS = {"str": os.fspath, "Path": Path, "object": lambda given: given, "another's object": Anything}
SMALL = [setting for setting in SETTINGS if not setting.startswith("trainer.steps")]
PLAN = """
title: tiny
datasets: {a: {phantoms: {train: 4, val: 1, test: 1}}}
rows: [{method: h_sup}]
seeds: [0]
"""


def out(form, folder):
    """Outputs come in the form of the inputs, too; an object is only made by the verb."""
    return (Path if form is FORMS["object"] else form)(folder / "out")


VERBS = {
    "import_dataset": (lambda s, to, out: alcseg.import_dataset(to(s.noisy), out), alcseg.Dataset),
    "archive_dataset": (lambda s, to, out: alcseg.archive_dataset(to(s.predictions), out), Archive),
    "audit": (
        lambda s, to, out: alcseg.audit(to(s.noisy), out=out, folds=2, steps=2, rounds=1, set=SMALL),
        alcseg.Audit,
    ),
    "check": (lambda s, to, out: alcseg.check(to(s.noisy)), CheckReport),
    "corrupt": (lambda s, to, out: alcseg.corrupt(to(s.phantoms), out, hq_first=1), CorruptResult),
    "plan_training": (
        lambda s, to, out: alcseg.plan_training(to(s.correction), set=SETTINGS, method="h_sup"),
        TrainingPlan,
    ),
    "train": (
        lambda s, to, out: alcseg.train(to(s.noisy), out=out, set=SETTINGS, method="h_sup"),
        alcseg.Run,
    ),
    "predict": (lambda s, to, out: alcseg.predict(to(s.run), to(s.noisy), out=out), alcseg.Predictions),
    "predict several": (
        lambda s, to, out: alcseg.predict(
            s.run, [to(s.noisy.image_paths("phantom_001")[0]), to(s.noisy)], out=out
        ),
        alcseg.Predictions,
    ),
    "correct": (lambda s, to, out: alcseg.correct(to(s.run), to(s.noisy), out=out), alcseg.Correction),
    "evaluate": (
        lambda s, to, out: alcseg.evaluate(to(s.predictions), to(s.noisy), out=out, split="test"),
        alcseg.Evaluation,
    ),
    "report": (lambda s, to, out: alcseg.report(to(s.run), out=out), ReportResult),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_takes_every_form_of_a_path(study, tmp_path, verb, form):
    call, kind = VERBS[verb]
    if verb == "archive_dataset":  # of what has few values: a dataset of labels
        study = study._replace(predictions=labels_alone(study, tmp_path))
    result = call(study, FORMS[form], out(FORMS[form], tmp_path))
    assert type(result) is kind
    if hasattr(result, "__fspath__") and verb != "check":
        assert Path(result) == tmp_path / "out"


def labels_alone(study, folder):
    """A dataset whose images hold few values."""
    import nibabel as nib
    import numpy as np

    made = alcseg.import_dataset(study.noisy, folder / "few")
    for case in made:
        (path,) = made.image_paths(case.case_id)
        volume = case.volumes[0]
        path.unlink()  # linked with the study's
        nib.save(nib.Nifti1Image(np.round(volume.array / 50).astype(np.uint8), volume.affine), path)
    return made


def test_predict_takes_cases(study, tmp_path):
    one = alcseg.predict(study.run, study.noisy["phantom_008"], out=tmp_path / "one")
    assert list(one.written) == ["phantom_008"]
    some = alcseg.predict(study.run, [*study.noisy.select(split="val"), study.noisy], out=tmp_path / "some")
    assert list(some.written) == ["phantom_007", "phantom_008", "phantom_009"]
    assert some.record.run == str(study.run.path)


@pytest.mark.parametrize("form", FORMS)
def test_a_benchmark_takes_every_form_of_its_plan_and_goes_on_by_its_result(tmp_path, form):
    (tmp_path / "plan.yaml").write_text(PLAN)
    plan = (Path if form == "object" else FORMS[form])(tmp_path / "plan.yaml")
    found = alcseg.benchmark(plan, out=out(FORMS[form], tmp_path), dry_run=True)
    assert type(found) is BenchmarkResult
    again = alcseg.benchmark(plan, out=FORMS[form](found), dry_run=True)
    assert again.runs == found.runs
    assert len(found.to_frame()) == 1


@pytest.mark.parametrize("form", ["str", "Path", "another's object"])
def test_a_demo_takes_every_form_of_its_folder(tmp_path, monkeypatch, form):
    monkeypatch.setattr("alcseg.commands.demo._steps", lambda out, **options: pytest.fail(str(out)))
    with pytest.raises(pytest.fail.Exception, match="demo"):
        alcseg.demo(FORMS[form](tmp_path / "demo"))
    assert os.fspath(DemoResult(tmp_path, None)) == str(tmp_path)


def test_verbs_without_a_path_return_one_kind_of_object():
    assert type(alcseg.doctor()) is DoctorReport
    listed = alcseg.methods()
    assert type(listed) is MethodList
    assert type(listed["alc"]) is MethodInfo
    assert len(listed) == len(list(listed)) == len(listed.methods)


def test_an_object_of_another_kind_is_named_by_its_path(study):
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(study.noisy.root))}: expected a run folder"):
        alcseg.predict(study.noisy, study.noisy, out="predictions")
    with pytest.raises(DataError, match=f"^{re.escape(str(study.run.path))}: expected a dataset folder"):
        alcseg.train(study.run, out="run")
