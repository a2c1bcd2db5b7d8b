"""A run of several stages: what each leaves, and that it resumes within and between them."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.run import Run
from alcseg.training_methods import Method
from alcseg.training_methods.two_stage_rnt import TwoStageRNT

Rows = Callable[[Path], list[dict[str, Any]]]


def test_stages_resume_within_and_between_bit_identical(
    dataset: Dataset,
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    read_rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fit(name: str) -> Run:
        out = tmp_path / "runs" / name
        return train(dataset.root, out=out, method="two_stage_rnt", device="cpu", set=tiny_settings)

    whole = fit("whole")
    teachers = [whole.at_stage(f"teacher-{fold}") for fold in (0, 1)]
    held_out: list[str] = []
    for teacher in teachers:
        assert teacher.finished
        assert torch.load(teacher.checkpoint_path, weights_only=True)["done"] == 3
        assert [row["step"] for row in read_rows(teacher.metrics_path)] == ["1", "2", "3"]
        assert not (teacher.stage_path / "probabilities").exists()
        held_out += [path.stem for path in teacher.labels_path.glob("*.npy")]
    assert sorted(held_out) == sorted(whole.record.train_cases)
    assert len(read_rows(whole.metrics_path)) == 6
    assert (whole.path / "progress.png").is_file()

    step, hand_on = Method.take_step, TwoStageRNT.hand_on
    stops = iter([("teacher-0", 1), ("teacher-1", 1), ("", 4)])
    due = next(stops)

    def interrupted(self: Method, batch: Any, optimizers: Any, **options: Any) -> None:
        nonlocal due
        if (self.task.stage, self.done) == due:
            due = next(stops, ("none", 0))
            signal.raise_signal(signal.SIGINT)
        step(self, batch, optimizers, **options)

    def broken(self: TwoStageRNT, held_out: Any) -> Any:
        for number, labels in enumerate(hand_on(self, held_out)):
            if number:
                raise MemoryError("no room for labels")
            yield labels

    monkeypatch.setattr(Method, "take_step", interrupted)
    for _ in range(2):  # inside of the first teacher, then inside of the second
        with pytest.raises(KeyboardInterrupt, match="of stage teacher"):
            fit("pieces")
    with monkeypatch.context() as patch:  # between two stages: trained, and half of the labels written
        patch.setattr(TwoStageRNT, "hand_on", broken)
        with pytest.raises(MemoryError):
            fit("pieces")
    with pytest.raises(KeyboardInterrupt, match="stopped at step 5;"):
        fit("pieces")
    pieces = fit("pieces")

    assert pieces.finished
    for stage in ("teacher-0", "teacher-1", ""):
        one, other = whole.at_stage(stage), pieces.at_stage(stage)
        assert read_rows(one.metrics_path) == read_rows(other.metrics_path)
        weights = safetensors.torch.load_file(one.weights_path("model"))
        again = safetensors.torch.load_file(other.weights_path("model"))
        assert all(torch.equal(weights[key], again[key]) for key in weights)
        for path in one.labels_path.glob("*.npy"):
            np.testing.assert_array_equal(np.load(path), np.load(other.labels_path / path.name))


def test_patches_of_the_last_stage_carry_handed_labels(
    dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[int]] = {"teacher": set(), "student": set()}
    terms = TwoStageRNT.training_terms

    def watched(self: TwoStageRNT, batch: Any) -> Any:
        labels = torch.cat([patches.label for patches in batch.values()])
        seen["teacher" if self.task.stage else "student"] |= set(labels.unique().tolist())
        return terms(self, batch)

    def hand_on(self: TwoStageRNT, held_out: Any) -> Any:
        for case_id, _, label, _ in held_out:
            yield case_id, np.full_like(label, 7)  # label 1, moved to class 1

    monkeypatch.setattr(TwoStageRNT, "training_terms", watched)
    monkeypatch.setattr(TwoStageRNT, "hand_on", hand_on)
    train(dataset.root, out=tmp_path / "run", method="two_stage_rnt", device="cpu", set=tiny_settings)
    assert seen["teacher"] <= {0, 1, 2}
    assert 7 in seen["student"]
