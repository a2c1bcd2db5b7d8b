"""A run on two processes, started by Lightning, with a stage that hands labels to the next."""

import os
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


@pytest.mark.timeout(600)
def test_two_processes_train_all_stages_of_one_run(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    read_rows: Callable[[Path], list[dict[str, Any]]],
) -> None:
    out = tmp_path / "runs" / "shared"
    words = [sys.executable, "-m", "alcseg", "train", str(dataset.root), "--method", "two_stage_rnt"]
    words += ["--device", "cpu", "--out", str(out)]
    for assignment in (*tiny_settings, "trainer.devices=2", "trainer.steps=4", "trainer.validate_every=4"):
        words += ["--set", assignment]
    ended = subprocess.run(
        words, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    run = Run.open(out)
    assert run.finished
    assert [row["step"] for row in read_rows(run.metrics_path)] == ["1", "2", "3", "4"]
    labels = [path.stem for stage in run.stage_names for path in run.at_stage(stage).labels_path.iterdir()]
    assert sorted(labels) == sorted(run.record.train_cases)
    weights = safetensors.torch.load_file(run.weights_path("model"))
    assert all(torch.isfinite(value).all() for value in weights.values())
