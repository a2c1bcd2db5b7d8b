"""A run goes on with what it began with; what differs is named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alcseg.data.cache import data_hash
from alcseg.data.folder import Dataset
from alcseg.data.plan import make_plan
from alcseg.errors import CheckpointError, DataError
from alcseg.files import file_hash
from alcseg.records.run import RunInput, RunRecord
from alcseg.run import Run
from alcseg.training.cases import choose_cases
from alcseg.training.inputs import handed_on_hash, require_handed_on, require_same_inputs, run_inputs


def inputs_of(folder: Dataset) -> dict[str, RunInput]:
    return run_inputs(folder, *choose_cases(folder, ("union",)))


def resume(run: Run, folder: Dataset) -> None:
    found = inputs_of(folder)
    require_same_inputs(run, folder, found, data_hash(found))


@pytest.fixture
def run(dataset: Dataset, tmp_path: Path) -> Run:
    """One that was begun on the dataset."""
    run = Run(tmp_path / "run")
    make_plan(dataset).write(run.path)
    inputs = inputs_of(dataset)
    RunRecord(data_hash=data_hash(inputs), inputs=inputs, plan_hash=file_hash(run.plan_path)).write(run.path)
    return run


def changed(folder: Dataset, **changes: dict[str, str]) -> Dataset:
    rows = (row.model_copy(update=changes.get(row.case_id, {})) for row in folder.rows)
    return replace(folder, rows=tuple(rows))


def test_what_shaped_nothing_may_change(run: Run, dataset: Dataset) -> None:
    resume(run, dataset)
    resume(run, changed(dataset, hq_0={"group": "P"}, ts_0={"quality": "lq"}))
    resume(run, replace(dataset, rows=dataset.rows[::-1]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hq_1": {"split": "val"}}, "case 'hq_1' trained, and validates now"),
        ({"val_0": {"split": "test"}}, "case 'hq_0' trained, and validates now"),  # one is held out then
        ({"hq_1": {"quality": "lq"}}, "the label of case 'hq_1' was hq, and is lq now"),
        ({"lq_0": {"quality": "unlabeled"}}, "case 'lq_0' trained and is not there for that any more"),
        ({"ts_0": {"split": "train"}}, "case 'ts_0' is new and trains"),
    ],
)
def test_other_cases_are_named(
    run: Run, dataset: Dataset, changes: dict[str, dict[str, str]], message: str
) -> None:
    if "ts_0" in changes:  # its files lie elsewhere
        for kind, end in (("images", "_0000"), ("labels", "")):
            name = f"ts_0{end}.nii.gz"
            (dataset.root / f"{kind}Ts" / name).rename(dataset.root / f"{kind}Tr" / name)
    with pytest.raises(DataError, match=f"{run.path} began with: {message}. Restore the dataset"):
        resume(run, changed(dataset, **changes))


def test_other_files_are_named(run: Run, dataset: Dataset) -> None:
    path = dataset.image_paths("val_0")[0]
    path.write_bytes(dataset.image_paths("hq_0")[0].read_bytes())
    with pytest.raises(DataError, match=r"imagesTr/val_0_0000\.nii\.gz of case 'val_0' is another file"):
        resume(run, dataset)


def test_other_names_of_channels_and_classes_are_refused(run: Run, dataset: Dataset) -> None:
    def named(**update: object) -> Dataset:
        return replace(dataset, record=dataset.record.model_copy(update=update))

    with pytest.raises(DataError, match="channels CT in place of MRI"):
        resume(run, named(channel_names={"0": "CT"}))
    with pytest.raises(DataError, match="expected the labels"):
        resume(run, named(labels={"background": 0, "left": 9, "right": 5}))


def test_a_changed_plan_is_refused(run: Run, dataset: Dataset) -> None:
    run.plan_path.write_text(run.plan_path.read_text().replace("16", "32"))
    with pytest.raises(CheckpointError, match=r"plan\.json: expected the plan that the run began with"):
        resume(run, dataset)


def test_a_plan_that_is_a_device_is_refused(run: Run, dataset: Dataset) -> None:
    run.plan_path.unlink()
    run.plan_path.symlink_to("/dev/zero")  # whose hash would never end
    with pytest.raises(DataError, match=r"plan\.json: expected a file, found a pipe, a device"):
        resume(run, dataset)


def test_runs_from_before_know_a_hash_alone(run: Run, dataset: Dataset) -> None:
    old = run.record.model_copy(update={"inputs": {}, "plan_hash": None})
    old.write(run.path)
    resume(run, dataset)
    with pytest.raises(DataError, match=f"hash [0-9a-f]+, expected {old.data_hash}"):
        resume(run, changed(dataset, hq_1={"quality": "lq"}))


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_labels_that_a_stage_handed_on_are_what_they_were(run: Run, harm: Callable[[Path], object]) -> None:
    stage = run.at_stage("teacher-0")
    stage.labels_path.mkdir(parents=True)
    for name in "ab":
        np.save(stage.labels_path / f"{name}.npy", np.zeros(3))
    require_handed_on(stage)  # of a run from before the hash was kept
    run.record.model_copy(update={"handed_on": {stage.stage: handed_on_hash(stage)}}).write(run.path)
    require_handed_on(stage)
    harm(stage.labels_path / "b.npy")
    with pytest.raises(CheckpointError, match="expected the labels that stage teacher-0 handed on"):
        require_handed_on(stage)
