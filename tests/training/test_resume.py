"""A run that is killed or stopped and started again ends as if nothing had happened, bit for bit."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.run import Run

Rows = Callable[[Path], list[dict[str, Any]]]

KILLED = """
import os, signal, sys
from alcseg.cli import main
from alcseg.training_methods import Method

train = Method.take_step

def disturbed(self, batch, optimizers, **options):
    if self.done == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    train(self, batch, optimizers, **options)

Method.take_step = disturbed
sys.exit(main(sys.argv[1:]))
"""
"""A training that dies in its sixth step; it disturbs itself, so that no clock decides where."""


@pytest.mark.timeout(600)  # the killed run needs a process of its own, which loads everything once more
def test_killed_and_interrupted_runs_end_bit_identical(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    read_rows: Rows,
    alcseg: Callable[..., Any],
    interrupted: Callable[..., AbstractContextManager[None]],
) -> None:
    undisturbed, killed, stopped = (tmp_path / "runs" / name for name in ("undisturbed", "killed", "stopped"))
    words = ["train", str(dataset.root), "--method", "alc", "--device", "cpu", "--set", "data.flip_axes=[0]"]
    words += [word for assignment in tiny_settings for word in ("--set", assignment)]
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.run(
        [sys.executable, "-c", KILLED, *words, "--out", str(killed)], env=os.environ | threads, check=False
    )
    # Checkpoints stand at steps 2 and 4: the kill after step 5 loses a step whose row is written already.
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "DONE").exists()
    assert torch.load(killed / "checkpoints" / "last.ckpt", weights_only=True)["done"] == 4

    handler = signal.getsignal(signal.SIGINT)
    with interrupted(at=2):
        result = alcseg(*words, "--out", stopped)
    assert result.code == 130
    assert "Interrupted" in result.err
    # The step under way is finished and gets a checkpoint of its own.
    assert torch.load(stopped / "checkpoints" / "last.ckpt", weights_only=True)["done"] == 3
    assert signal.getsignal(signal.SIGINT) is handler

    for run in (undisturbed, killed, stopped):
        assert alcseg(*words, "--out", run).code == 0
        assert Run.open(run).finished
    for run in (killed, stopped):
        assert read_rows(run / "metrics.csv") == read_rows(undisturbed / "metrics.csv")
        for name in ("model", "teacher"):
            one = safetensors.torch.load_file(undisturbed / f"{name}.safetensors")
            other = safetensors.torch.load_file(run / f"{name}.safetensors")
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)
        assert "resuming" in (run / "train.log").read_text()


def test_checkpoints_from_before_the_wrapper_are_resumed(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    interrupted: Callable[..., AbstractContextManager[None]],
) -> None:
    """Such as Lightning wrote when a method was a module of its own, in a run without formats."""

    def fit(name: str) -> Run:
        out = tmp_path / "runs" / name
        return train(str(dataset.root), out=str(out), method="alc_aligned", device="cpu", set=tiny_settings)

    whole = fit("whole")
    with interrupted(at=2), pytest.raises(KeyboardInterrupt):
        fit("old")
    run = Run.open(tmp_path / "runs" / "old")
    checkpoint = torch.load(run.checkpoint_path, weights_only=True)
    assert {key.split(".")[0] for key in checkpoint["state_dict"]} == {"student", "teacher"}
    checkpoint |= checkpoint.pop("beside_weights")
    assert set(checkpoint["alc_aligned"]) > set(checkpoint["alc_aligned_clean"]) > set()
    checkpoint |= {"hparams_name": "kwargs", "hyper_parameters": {"passes": 4}}
    torch.save(checkpoint, run.checkpoint_path)
    run.config_path.write_text(run.config_path.read_text().removeprefix("format: 1\n"))
    record = json.loads(run.record_path.read_text())
    del record["format"], record["stages"]
    run.record_path.write_text(json.dumps(record))

    resumed = fit("old")
    assert resumed.finished
    assert resumed.record.stages == ()
    for name in ("model", "teacher"):
        one, other = (safetensors.torch.load_file(each.weights_path(name)) for each in (whole, resumed))
        assert all(torch.equal(one[key], other[key]) for key in one)
