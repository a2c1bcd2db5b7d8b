"""A training whose numbers are none any more ends in a line, and what it saved before stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from alcseg.data.folder import Dataset
from alcseg.training_methods import Method
from alcseg.training_methods.base import Batch


def test_it_names_the_learning_rate_and_keeps_the_last_checkpoint(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    alcseg: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = Method.take_step

    def diverging(self: Method, batch: Batch, optimizers: Any, **options: Any) -> None:
        step(self, batch, optimizers, **options)
        if self.done == 4:  # checkpoints stand at steps 2 and 4
            next(iter(self.parameters())).data[:] = torch.inf

    monkeypatch.setattr(Method, "take_step", diverging)
    out = tmp_path / "run"
    words = ["train", dataset.root, "--method", "h_sup", "--device", "cpu", "--preset", "demo", "--out", out]
    given = (*tiny_settings, "trainer.validate_every=0")
    result = alcseg(*words, *(word for assignment in given for word in ("--set", assignment)))
    assert result.code == 2
    assert "step 4: expected finite weights, found nan or infinity in network." in result.err
    assert "trainer.learning_rate=0.3; lower it" in result.err
    assert torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["done"] == 2
    weights = safetensors.torch.load_file(out / "model.safetensors")
    assert all(value.isfinite().all() for value in weights.values())
