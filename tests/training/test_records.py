from pathlib import Path

import pytest

from alcseg.errors import UsageError
from alcseg.records.settings import ChosenMethod, RunSettings
from alcseg.training.records import open_run
from alcseg.unfinished import unfinished_prefix

SETTINGS = RunSettings(method=ChosenMethod(name="h_sup"))


@pytest.mark.parametrize("left", ["config.yaml", "plan.json", "train.log", "{unfinished}config.yaml"])
def test_a_run_that_was_killed_while_it_began_begins_anew(tmp_path: Path, left: str) -> None:
    left = left.format(unfinished=unfinished_prefix())
    (tmp_path / left).write_bytes(b"")
    assert open_run(tmp_path, SETTINGS).path == tmp_path


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match="found other files"):
        open_run(tmp_path, SETTINGS)
