"""The precision that a run leaves to the machine is measured once, recorded, and kept."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from alcseg.commands.train import plan_training, train
from alcseg.data.folder import Dataset
from alcseg.inference import bf16
from alcseg.run import Run


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What these tests make the machine say."""
    yield
    bf16.bf16_speedup.cache_clear()


def test_a_resumed_run_keeps_the_precision_it_began_with(
    monkeypatch: pytest.MonkeyPatch,
    make_dataset: Callable[..., Dataset],
    tiny_settings: tuple[str, ...],
    tmp_path: Path,
    interrupted: Callable[..., AbstractContextManager[None]],
) -> None:
    root, out = make_dataset(val=0).root, tmp_path / "run"
    settings = [each for each in tiny_settings if "precision" not in each] + ["trainer.steps=3"]
    _measure(monkeypatch, single_s=1, half_s=2)
    with interrupted(at=1), pytest.raises(KeyboardInterrupt):
        train(root, out=out, method="h_sup", device="cpu", set=settings)
    begun = Run.open(out)
    assert (begun.settings.trainer.precision, begun.record.bf16_speedup) == ("32", 0.5)

    _measure(monkeypatch, single_s=3, half_s=1)
    assert plan_training(root, method="h_sup", device="cpu", set=settings, out=out).precision == "32"
    done = train(root, out=out, method="h_sup", device="cpu", set=settings)
    assert done.finished
    assert (done.settings.trainer.precision, done.record.bf16_speedup) == ("32", 0.5)

    # Where it starts afresh, it is measured afresh.
    plan = plan_training(root, method="h_sup", device="cpu", set=settings, out=out, overwrite=True)
    assert plan.precision == "bf16"


def _measure(monkeypatch: pytest.MonkeyPatch, *, single_s: float, half_s: float) -> None:
    monkeypatch.setattr(bf16, "_step_time", lambda *, half: half_s if half else single_s)
    bf16.bf16_speedup.cache_clear()
