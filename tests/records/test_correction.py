"""`correct.json`: its keys are a contract, and files from before formats were numbered are read."""

import json

import pytest
from pydantic import ValidationError

from alcseg.records.correction import (
    Calibration,
    CorrectionRecord,
    Curve,
    Perturbation,
    ReferenceLabels,
    Rehearsal,
)

RECORD = CorrectionRecord(
    versions={"python": "3.11"},
    run="run",
    dataset="data",
    method="alc",
    network="teacher",
    perturbation=Perturbation(passes=3, seed=7),
    how="auto",
    risk=0.15,
    rehearsal=Rehearsal(
        cases=2,
        errors=80,
        given_dice=0.7,
        written_dice=0.9,
        worse_share=0.01,
        right_given_dice=0.99,
        right_written_dice=0.99,
    ),
    written={"moved": 1},
    clean_labels=ReferenceLabels(agreement={"x": 0.9}, blur_mm={"x": 1.5}),
    offsets=("x: drawn within a voxel in 1 of 1 cases",),
    nnunet=False,
    ranking="note",
    calibration=Calibration(
        note="note",
        cases=("b",),
        curves={"all classes": Curve(n=1, spearman=None, uncertainty=(0.1,), expected_dice=(0.9,))},
    ),
    corrected=1,
    pseudo_labeled=0,
    in_sample=1,
    failed={"c": "why"},
    time_s=1.5,
)
KEYS = [
    "versions", "run", "dataset", "method", "network", "engine", "perturbation", "out_of_fold",
    "how", "risk", "rehearsal", "poor",
    "written", "untouched", "clean_labels", "offsets", "added_undrawn", "nnunet", "ranking",
    "calibration", "corrected", "pseudo_labeled", "in_sample", "failed", "time_s", "peak_memory_mib",
]  # fmt: skip


def test_keys_are_what_they_were(tmp_path):
    content = json.loads(RECORD.write(tmp_path).read_text())
    assert list(content) == ["format", *KEYS]
    assert content["format"] == 2
    assert list(content["perturbation"]) == [
        "passes", "seed", "noise_std", "noise_clip", "weighting", "temperature", "uncertainty",
    ]  # fmt: skip
    assert list(content["clean_labels"]) == ["agreement", "blur_mm"]
    assert list(content["calibration"]) == ["note", "cases", "curves"]
    assert content["calibration"]["curves"] == {
        "all classes": {"n": 1, "spearman": None, "uncertainty": [0.1], "expected_dice": [0.9]}
    }


def test_a_record_is_read_as_it_was_written_with_a_format_or_without(tmp_path):
    content = json.loads(RECORD.write(tmp_path).read_text())
    assert CorrectionRecord.read(tmp_path) == RECORD
    del content["format"]
    (tmp_path / "correct.json").write_text(json.dumps(content))
    assert CorrectionRecord.read(tmp_path) == RECORD


def test_files_of_the_first_format_are_read(tmp_path):
    content = json.loads(RECORD.write(tmp_path).read_text()) | {
        "format": 1,
        "how": "aligned",
        "replace": "all",
    }
    for name in ("risk", "rehearsal", "written", "out_of_fold"):
        del content[name]
    content["clean_labels"] |= {"held_out": True}
    (tmp_path / "correct.json").write_text(json.dumps(content))
    old = CorrectionRecord.read(tmp_path)
    assert (old.how, old.risk, old.rehearsal, old.written, old.out_of_fold) == ("auto", None, None, {}, False)
    (tmp_path / "correct.json").write_text(json.dumps(content | {"how": "refined"}))
    assert CorrectionRecord.read(tmp_path).how == "refined"


def test_passes_are_those_of_the_method():
    settings = {"name": "alc", "noise_std": 0.3, "weighting": "uniform", "alpha": 5, "passes": 8, "seed": 3}
    assert Perturbation.like_method(settings, passes=2, seed=7) == Perturbation(
        passes=2, seed=7, noise_std=0.3, weighting="uniform"
    )
    assert Perturbation.like_method({}, passes=4, seed=0) == Perturbation()
    # Of distillation, not of the weights of passes.
    assert Perturbation.like_method({"temperature": 2.0}, passes=4, seed=0) == Perturbation()
    assert Perturbation.like_method({"temperature": 2.0, "weighting": "exponential"}, passes=4, seed=0) == (
        Perturbation(temperature=2.0, weighting="exponential")
    )


def test_no_pass_at_all_is_none():
    with pytest.raises(ValidationError):
        Perturbation(passes=0)
