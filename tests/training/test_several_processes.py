"""Two processes train one run, whoever starts them; they speak once and stop together."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alcseg.data.folder import Dataset
from alcseg.run import Run

Rows = Callable[[Path], list[dict[str, Any]]]

SHORT = (
    "data.patch=[16,16,32]",
    "trainer.steps=4",
    "trainer.validate_every=0",
    "trainer.checkpoint_every=4",
)

PROGRAM = """
import os, signal, sys
from alcseg.cli import main
from alcseg.training_methods import Method

stopped, *words = sys.argv[1:]
train = Method.take_step

def disturbed(self, batch, optimizers, *, rank, **options):
    if str(rank) == stopped and self.done == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    train(self, batch, optimizers, rank=rank, **options)

Method.take_step = disturbed
sys.exit(main(words))
"""
"""`alcseg` of which one process, whose number stands first, gets a SIGTERM in its second step."""


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def run_two(launcher: str, program: list[str]) -> list[subprocess.CompletedProcess[str]]:
    """What the processes end with, the first first; under torchrun and Lightning, what the first one does."""
    common = os.environ | {"OMP_NUM_THREADS": "1"}
    commands = {
        "lightning": [[sys.executable, *program, "--set", "trainer.devices=2"]],
        "srun": [[sys.executable, *program]] * 2,
        "torchrun": [[sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2",
                      f"--master-port={free_port()}", *program]],
    }  # fmt: skip
    told: dict[str, str] = {}
    if launcher == "srun":  # as SLURM tells its tasks
        told = {
            "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_STEP_NUM_NODES": "1",
            "SLURM_NODEID": "0", "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_JOB_ID": "71",
            "SLURM_STEP_ID": "0", "MASTER_PORT": free_port(),
        }  # fmt: skip
    processes = [
        subprocess.Popen(
            command,
            env=common | told | ({"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)} if told else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, command in enumerate(commands[launcher])
    ]
    ended = [process.communicate() for process in processes]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, *said)
        for process, said in zip(processes, ended, strict=True)
    ]


def words(dataset: Dataset, out: Path, method: str, *more: str) -> list[str]:
    assignments = [word for assignment in more for word in ("--set", assignment)]
    given = ["train", str(dataset.root), "--method", method, "--device", "cpu", "--json"]
    return [*given, "--out", str(out), *assignments]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "disturbed.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


@pytest.mark.timeout(600)
def test_torchrun_trains_all_stages_of_one_run(
    dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path, read_rows: Rows, program: Path
) -> None:
    """With a stage that hands labels to the next."""
    out = tmp_path / "runs" / "shared"
    settings = (*tiny_settings, "trainer.steps=4", "trainer.validate_every=4")
    (ended,) = run_two("torchrun", [str(program), "none", *words(dataset, out, "two_stage_rnt", *settings)])
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["path"] == str(out)  # one document
    run = Run.open(out)
    assert run.finished
    assert (run.settings.trainer.devices, run.settings.trainer.nodes) == (2, 1)
    assert [row["step"] for row in read_rows(run.metrics_path)] == ["1", "2", "3", "4"]
    labels = [path.stem for stage in run.stage_names for path in run.at_stage(stage).labels_path.iterdir()]
    assert sorted(labels) == sorted(run.record.train_cases or ())
    weights = safetensors.torch.load_file(run.weights_path("model"))
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert {path.name for path in out.parent.iterdir()} == {"shared", ".alcseg-cache"}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("launcher", ["lightning", "srun", "torchrun"])
@pytest.mark.parametrize("stopped", ["0", "1"])
def test_processes_stop_together_and_go_on(
    stopped: str,
    launcher: str,
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    read_rows: Rows,
    program: Path,
) -> None:
    out = tmp_path / "runs" / "shared"
    settings = (*tiny_settings, *SHORT)
    asked = words(dataset, out, "h_sup", *settings)
    first, *_ = run_two(launcher, [str(program), stopped, *asked])
    # torchrun has codes of its own.
    assert first.returncode == (1 if launcher == "torchrun" else 130), first.stderr
    assert json.loads(first.stdout)["exit_code"] == 130  # one document
    assert torch.load(Run(out).checkpoint_path, weights_only=True)["done"] == 2
    assert [row["step"] for row in read_rows(Run(out).metrics_path)] == ["1", "2"]
    assert not list(out.rglob(".partial*"))

    ended = run_two(launcher, [str(program), "none", *asked])
    assert [one.returncode for one in ended] == [0] * len(ended), ended[0].stderr
    assert json.loads("".join(one.stdout for one in ended))["path"] == str(out)
    assert [row["step"] for row in read_rows(Run(out).metrics_path)] == ["1", "2", "3", "4"]
