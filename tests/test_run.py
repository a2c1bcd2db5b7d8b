"""A run folder as an object: what stands in it, whatever made it."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from alcseg.errors import CheckpointError, DataError
from alcseg.records.run import RunRecord
from alcseg.records.settings import ChosenMethod, RunSettings
from alcseg.run import Run

SETTINGS = RunSettings(method=ChosenMethod(name="alc", passes=3), preset="la", seed=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run of which two stages were begun, in an order that is not that of their names."""
    root = tmp_path / "run"
    SETTINGS.write(root)
    RunRecord(stages=("second", "first", "third")).write(root)
    (root / "plan.json").write_text("{}")
    for name in ("second", "first"):
        (root / "stages" / name).mkdir(parents=True)
        time.sleep(0.02)  # so that times tell them apart
    return root


def test_a_copied_run_keeps_the_order_of_its_stages(folder: Path, tmp_path: Path) -> None:
    assert Run.open(folder).stage_names == ["second", "first"]
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("stages"))
    for name in ("first", "second"):  # made anew, the other way round
        (copied / "stages" / name).mkdir(parents=True)
        time.sleep(0.02)
    assert Run.open(copied).stage_names == ["second", "first"]


def test_older_runs_have_the_order_of_their_folders(folder: Path) -> None:
    record = json.loads((folder / "run.json").read_text())
    del record["format"], record["stages"]
    (folder / "run.json").write_text(json.dumps(record))
    assert Run.open(folder).stage_names == ["second", "first"]


def test_a_run_stands_for_its_folder(folder: Path) -> None:
    run = Run.open(str(folder))
    assert os.fspath(run) == str(folder)
    assert Run.open(run) is run
    assert Path(run) / "config.yaml" == run.config_path


def test_settings_are_read_once_and_have_their_types(folder: Path) -> None:
    run = Run.open(folder)
    assert run.settings == SETTINGS
    assert run.settings is run.settings
    assert run.method == "alc"
    assert run.settings.method.settings == {"passes": 3}
    assert run.settings.dotted["method.passes"] == 3
    assert run.settings.dotted["trainer.steps"] is None
    assert run.settings.dotted["seed"] == 2


def test_settings_of_before_formats_were_numbered_are_read(folder: Path) -> None:
    path = folder / "config.yaml"
    text = path.read_text()
    assert text.startswith("format: 1\n")
    path.write_text(text.removeprefix("format: 1\n"))
    assert Run.open(folder).settings == SETTINGS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("method: alc\n", "config.yaml of `alcseg train`, got"),
        ("method: {passes: 3}\n", r"no 'method\.name'"),
        ("format: 2\nmethod: {name: alc}\n", "written by a newer alcseg"),
        ("method: {name: [\n", "not valid YAML"),
    ],
)
def test_damaged_settings_are_refused(text: str, words: str, folder: Path) -> None:
    (folder / "config.yaml").write_text(text)
    with pytest.raises(DataError, match=words):
        _ = Run.open(folder).settings


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"expected a run folder with config\.yaml, found none"):
        Run.open(tmp_path)
