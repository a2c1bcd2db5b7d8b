"""What a correction refuses at the door, before anything is computed or written."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcseg.commands._answers as answers
from alcseg.commands.correct import correct
from alcseg.errors import DataError, UsageError
from changed_dataset import set_quality

MakeRun = Callable[..., Path]
Read = Callable[[Path], np.ndarray]

pytestmark = pytest.mark.usefixtures("little_to_explain")


class AskedError(Exception):
    """Nothing refused the call before."""


@pytest.fixture
def refused(
    solvable_dataset: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Call with wrong words, and see that nothing is read, computed or written."""

    def load(run: object, device: object, **options: object) -> None:
        raise AskedError("the network was asked for")

    def call(error: type[Exception], match: str, *, run: Path | None = None, **options: Any) -> None:
        run = run or make_run()
        monkeypatch.setattr(answers, "load_networks", load)
        before = {path for path in tmp_path.rglob("*") if path.parent.name != "run"}
        with pytest.raises(error, match=match):
            correct(run, solvable_dataset, **{"out": tmp_path / "out"} | options)
        assert {path for path in tmp_path.rglob("*") if path.parent.name != "run"} == before

    return call


def test_wrong_options_are_refused_before_the_first_pass(refused: Callable[..., None]) -> None:
    refused(UsageError, "--how: expected auto, patched, moved, posterior or refined, got 'both'", how="both")
    refused(UsageError, "--risk: expected a share from 0 to 1, got 1.5", risk=1.5)
    refused(UsageError, "--passes: expected at least 2 for an uncertainty, got 1", passes=1)
    refused(UsageError, "--device: expected auto, cpu", device="tpu")


def test_an_output_in_use_is_refused_before_the_first_pass(
    refused: Callable[..., None], solvable_dataset: Path, make_run: MakeRun, tmp_path: Path
) -> None:
    for inside in (solvable_dataset, solvable_dataset / "corrected", solvable_dataset.parent):
        refused(UsageError, "expected an output folder outside of the source", out=inside, overwrite=True)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    refused(UsageError, "expected an empty or new output folder", out=tmp_path / "used")
    run = make_run()
    shutil.copytree(run, tmp_path / "runs" / "mine")
    for out in (tmp_path / "runs" / "mine", tmp_path / "runs"):
        refused(
            UsageError, "that does not hold the run", run=tmp_path / "runs" / "mine", out=out, overwrite=True
        )


def test_an_output_inside_of_the_run_is_fine(solvable_dataset: Path, make_run: MakeRun) -> None:
    run = make_run()
    assert correct(run, solvable_dataset, out=run / "corrected", passes=2).corrected


def test_folders_that_do_not_fit_are_refused_before_the_first_pass(
    refused: Callable[..., None], solvable_dataset: Path, make_run: MakeRun
) -> None:
    run = make_run(label_names=("background", "liver", "right"))
    refused(DataError, r"expected the labels .*'liver': 5.* found .*'left': 5", run=run)
    (solvable_dataset / "audit.jsonl").write_text("{")
    refused(DataError, "audit.jsonl, line 1: not valid JSON")
    (solvable_dataset / "audit.jsonl").unlink()
    set_quality(solvable_dataset, {"lq_0": "hq", "lq_1": "hq"})
    refused(DataError, "expected training cases of quality lq or unlabeled, found none")
