"""A dataset corrected once more: the labels that came first stay, and so does the trail."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alcseg.commands.correct import correct
from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.reviewing.subject import Subject
from changed_dataset import set_quality

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]

pytestmark = pytest.mark.usefixtures("little_to_explain")


def test_a_second_round_keeps_the_labels_that_came_first_and_the_trail(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, read_values: Read
) -> None:
    run = make_run()
    first = correct(run, solvable_dataset, out=tmp_path / "first", passes=2)
    # In between a person accepts lq_0, mends lq_1, and doubts hq_0.
    set_quality(first.path, {"lq_0": "hq", "hq_0": "lq"})
    mended = first.path / "labelsTr" / "lq_1.nii.gz"
    shutil.copyfile(solvable_dataset / "labelsClean" / "lq_1.nii.gz", mended)
    second = correct(run, first, out=tmp_path / "second", passes=2)
    assert second.corrected == ("hq_0", "lq_1")
    for case_id in ("hq_0", "lq_0", "lq_1"):
        given = second.path / "labelsGiven" / f"{case_id}.nii.gz"
        assert given.read_bytes() == (solvable_dataset / "labelsTr" / f"{case_id}.nii.gz").read_bytes()
    lines = (second.path / "audit.jsonl").read_text().splitlines()
    assert lines[:2] == (first.path / "audit.jsonl").read_text().splitlines()
    assert [line.case_id for line in second.audit] == ["lq_0", "lq_1", "hq_0", "lq_1"]
    assert {row.case_id for row in second.ranking} == {"hq_0", "lq_1"}
    assert sorted(path.name for path in (second.path / "uncertainty").iterdir()) == [
        "hq_0.nii.gz",
        "lq_1.nii.gz",
    ]


def test_a_written_label_is_never_taken_for_the_one_that_came(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path
) -> None:
    run = make_run()
    found = correct(run, solvable_dataset, out=tmp_path / "first", passes=2)
    (found.path / "labelsGiven" / "lq_0.nii.gz").unlink()
    words = r"labelsGiven: expected the labels as they came, found no lq_0\.nii\.gz\."
    with pytest.raises(DataError, match=words):
        correct(run, found, out=tmp_path / "second", passes=2)
    assert not (tmp_path / "second").exists()
    with pytest.raises(DataError, match=words):
        Subject.open(found.path)
    with pytest.raises(DataError, match=r"lq_0\.nii\.gz: expected the label as it came, found none"):
        found["lq_0"].given  # noqa: B018 - read when asked for
    assert found["lq_1"].given is not None


def test_labels_that_came_first_are_renumbered_with_the_others(
    make_run: MakeRun, solvable_dataset: Path, tmp_path: Path, read_values: Read
) -> None:
    run = make_run()
    first = correct(run, solvable_dataset, out=tmp_path / "first", passes=2)
    second = correct(run, first, out=tmp_path / "second", passes=2, nnunet=True)
    given = read_values(solvable_dataset / "labelsTr" / "lq_0.nii.gz")
    assert np.array_equal(
        np.array([0, 5, 9])[read_values(second.path / "labelsGiven" / "lq_0.nii.gz")], given
    )
    assert Dataset.open(second).record.extra["original_label_values"] == {
        "background": 0,
        "left": 5,
        "right": 9,
    }
