"""A run that is killed or stopped and started again ends as if nothing had happened, bit for bit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alcseg.data.folder import DatasetFolder
from alcseg.run_folder import RunFolder

Rows = Callable[[Path], list[dict[str, Any]]]

# Steps take as long as they like, so the process that is to be disturbed waits at one of them.
PROGRAM = """
import sys, time
from pathlib import Path
from alcseg.cli import main
from alcseg.methods import Method

out, wait_at, words = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
step = Method.training_step

def slowed(self, batch, index):
    if self.done == wait_at:
        (out.parent / "waiting").touch()
        time.sleep(600 if "--kill" in words else 2)
    step(self, batch, index)

Method.training_step = slowed
sys.exit(main([word for word in words if word != "--kill"]))
"""


@pytest.fixture
def start(
    dataset: DatasetFolder, tiny_settings: tuple[str, ...]
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def launch(out: Path, *, wait_at: int = -1, kill: bool = False) -> subprocess.Popen[str]:
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["train", str(dataset.root), "--method", "alc", "--out", str(out), "--device", "cpu"]
        for assignment in (*tiny_settings, "data.flip_axes=[0]", f"data.cache={out.parents[1] / 'cache'}"):
            words += ["--set", assignment]
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(out), str(wait_at), *words, *(["--kill"] if kill else [])],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield launch
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.timeout(280)
def test_killed_and_interrupted_runs_end_bit_identical(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, read_rows: Rows
) -> None:
    undisturbed, killed, stopped = (tmp_path / name / "run" for name in ("a", "b", "c"))
    first = start(undisturbed)
    # Checkpoints stand at steps 2 and 4: the kill after step 5 loses a step whose row is written already; the
    # interrupt in step 3 writes a checkpoint of its own.
    second = start(killed, wait_at=5, kill=True)
    third = start(stopped, wait_at=2)
    wait_for(second, killed)
    second.kill()
    second.communicate()
    assert not (killed / "DONE").exists()
    assert torch.load(killed / "checkpoints" / "last.ckpt", weights_only=True)["done"] == 4
    wait_for(third, stopped)
    third.send_signal(signal.SIGINT)
    message = third.communicate()[1]
    assert third.returncode == 130
    assert "Interrupted" in message
    assert torch.load(stopped / "checkpoints" / "last.ckpt", weights_only=True)["done"] == 3

    resumed = [start(killed), start(stopped)]
    for process in (first, *resumed):
        message = process.communicate()[1]
        assert process.returncode == 0, message
        assert "Warning" not in message
    for run in (killed, stopped):
        assert RunFolder.open(run).finished
        assert read_rows(run / "metrics.csv") == read_rows(undisturbed / "metrics.csv")
        for name in ("model", "teacher"):
            one = safetensors.torch.load_file(undisturbed / f"{name}.safetensors")
            other = safetensors.torch.load_file(run / f"{name}.safetensors")
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one)
        assert "resuming" in (run / "train.log").read_text()


def wait_for(process: subprocess.Popen[str], out: Path) -> None:
    """Until the process says that it waits in mid-training."""
    while not (out.parent / "waiting").exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
