"""Which labels an audit believes, where most are wrong in the same way."""

import numpy as np
import pytest

from alcseg.auditing.judge import Judgment
from alcseg.commands import _judged
from alcseg.commands._findings import BAD_BELOW, mean_dice
from alcseg.commands._seen import SeenLabel

SPACING = (1.0, 1.0, 1.0)


class Seen:
    """A ball of two halves that a network tells apart badly; a wrong label has their names exchanged."""

    def __init__(self, rng: np.random.Generator, *, wrong: bool, confused: float) -> None:
        center, radius = 8 + rng.uniform(-1, 1, 3), rng.uniform(4, 5.5)
        steps = np.stack(np.indices((16, 16, 16)), -1) - center
        inside = np.linalg.norm(steps * rng.uniform(0.9, 1.1, 3), axis=-1) <= radius
        right = np.where(inside, np.where(steps[..., 0] > 0, 1, 2), 0)
        exchanged = np.array([0, 2, 1])[right]
        self.wrong = wrong
        self.label = (exchanged if wrong else right).astype(np.uint8)
        ours, others = (np.stack([of == index for index in range(3)]) for of in (right, exchanged))
        logits = np.where(inside, 2 * ours + rng.normal(confused, 0.5) * others, 4 * ours)
        logits = logits + rng.normal(0, 0.7, logits.shape)
        self.probs = (np.exp(logits) / np.exp(logits).sum(0)).astype(np.float32)

    def load(self) -> SeenLabel:
        return SeenLabel(self.probs, self.label, SPACING, self.probs)

    def given_label(self) -> tuple[np.ndarray, tuple[float, float, float]]:
        return self.label, SPACING

    def keep(self, label: np.ndarray) -> np.ndarray:
        return label

    def of_drawn(self, by_class: list[Judgment]) -> list[Judgment]:
        return by_class


def look(seed: int, *, wrong: int, confused: float) -> tuple[_judged.Judged, set[str], set[str]]:
    """What an audit finds, and which labels are wrong and which it would trust."""
    rng = np.random.default_rng(seed)
    seen = {f"c{k:02}": Seen(rng, wrong=k < wrong, confused=confused) for k in range(40)}
    found = _judged.judge(seen, {name: number % 3 for number, name in enumerate(seen)}, 0)
    trusted = {
        name
        for name, each in found.judgments.items()
        if all(one.kind == "none" and one.dice >= BAD_BELOW for one in each)
    }
    return found, {name for name in seen if seen[name].wrong}, trusted


def test_a_judge_that_was_taught_by_wrong_labels_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    found, wrong, trusted = look(7, wrong=26, confused=1.2)
    assert found.believed < 20
    assert sum(mean_dice(found.judgments[name]) < BAD_BELOW for name in wrong) >= 22
    assert not trusted & wrong
    assert len(trusted) >= 7
    monkeypatch.setattr(_judged, "_FITS", 1)
    first, _, believing = look(7, wrong=26, confused=1.2)
    assert first.believed == 20
    assert len(believing & wrong) >= 4


def test_where_few_labels_are_wrong_half_of_them_are_believed() -> None:
    found, wrong, trusted = look(0, wrong=10, confused=0.5)
    assert found.believed == 20
    assert not trusted & wrong
    assert len(trusted) >= 15
