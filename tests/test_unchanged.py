"""Two trainings, a correction and an evaluation on fixed seeds: bit for bit what they were at b1f9c7b.

The hashes hold for one kind of processor and one release of torch; elsewhere the test is skipped.
"""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import safetensors.torch
import torch

from alcseg.data.phantoms import write_phantoms
from alcseg.machine import has_native_bf16

SETTINGS = (
    "network.filters=4",
    "data.patch=[32,32,16]",
    "data.flip_axes=[0]",
    "data.hq_batch=2",
    "data.lq_batch=2",
    "trainer.steps=24",
    "trainer.precision=32",
    "trainer.validate_every=12",
    "trainer.checkpoint_every=8",
)
EXPECTED = {
    "noisy": "0489c406aa7bf8bf",
    "alc": "1dea60f581733b84",
    "alc teacher": "140a2e21a25a208a",
    "alc metrics": "e5fe91558364cd96",
    "two_stage_rnt": "60f6861c10121a3b",
    "two_stage_rnt metrics": "45b65af1f2ca5cdd",
    "two_stage_rnt predictions": "2e68c1f87c1c3ec9",
    "corrected": "2d84665e0b339d06",
    "offsets": "2176ebb174e2b56a",
    "scores": "84a549950bff2c5d",
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def volumes(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.nii.gz")):
        found.update(path.relative_to(folder).as_posix().encode())
        found.update(np.asanyarray(nib.load(path).dataobj).tobytes())
    return found.hexdigest()[:16]


def weights(path: Path) -> str:
    found = hashlib.sha256()
    for name, value in sorted(safetensors.torch.load_file(path).items()):
        found.update(name.encode())
        found.update(value.numpy().tobytes())
    return found.hexdigest()[:16]


def table(path: Path, *, without: str = "") -> str:
    with path.open(newline="", encoding="utf-8") as stream:
        rows = [{key: cell for key, cell in row.items() if key != without} for row in csv.DictReader(stream)]
    return digest(json.dumps(rows).encode())


@pytest.mark.skipif(
    has_native_bf16() != ["avx512_bf16"] or not torch.__version__.startswith("2.13.0"),
    reason="sums of floats differ between processors and releases",
)
def test_results_are_what_they_were(alcseg: Callable[..., Any], tmp_path: Path) -> None:
    torch.set_num_threads(1)
    phantoms, noisy, corrected = (tmp_path / name for name in ("phantoms", "noisy", "corrected"))
    write_phantoms(phantoms, train=10, val=2, test=2, shape=(40, 36, 24), seed=3)
    words = ["corrupt", phantoms, noisy, "--hq-fraction", 0.4, "--model", "mixture", "--seed", 1]
    assert alcseg(*words).code == 0
    found = {"noisy": volumes(noisy / "labelsTr")}
    for method in ("alc", "two_stage_rnt"):
        run, pred = tmp_path / method, tmp_path / f"{method}-pred"
        words = ["train", noisy, "--method", method, "--out", run, "--device", "cpu", "--seed", 5]
        assert alcseg(*words, "--set", *SETTINGS).code == 0
        assert alcseg("predict", run, noisy / "imagesTs", "--out", pred, "--uncertainty").code == 0
        found[method] = weights(run / "model.safetensors")
        found[f"{method} metrics"] = table(run / "metrics.csv", without="time_s")
        found[f"{method} predictions"] = volumes(pred)
    found["alc teacher"] = weights(tmp_path / "alc" / "teacher.safetensors")
    assert alcseg("correct", tmp_path / "alc", noisy, "--out", corrected, "--device", "cpu").code == 0
    found |= {"corrected": volumes(corrected), "offsets": table(corrected / "offsets.csv")}
    words = ["evaluate", corrected / "labelsTr", noisy / "labelsClean", "--out", tmp_path / "eval"]
    assert alcseg(*words, "--dataset", noisy, "--quality", "lq").code == 0
    found["scores"] = table(tmp_path / "eval" / "per_case.csv")
    assert {name: found[name] for name in EXPECTED} == EXPECTED
