"""A run that came to its end and is given more steps."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.errors import ConfigError
from alcseg.run import Run


@pytest.fixture
def train_tiny(dataset: Dataset, tiny_settings: tuple[str, ...], tmp_path: Path) -> Callable[..., Run]:
    def train_to(out: str, steps: int) -> Run:
        asked = [each for each in tiny_settings if not each.startswith(("trainer.steps", "trainer.validate"))]
        return train(
            dataset.root, out=tmp_path / out, method="mean_teacher", set=asked, steps=steps, device="cpu"
        )

    return train_to


def test_a_finished_run_goes_on_and_can_be_stopped_on_the_way(
    train_tiny: Callable[..., Run],
    interrupted: Callable[..., AbstractContextManager[None]],
    read_rows: Callable[[Path], list[dict[str, Any]]],
) -> None:
    assert train_tiny("whole", 4).record.continued_from == ()
    whole = train_tiny("whole", 8)
    train_tiny("stopped", 4)
    with interrupted(at=6), pytest.raises(KeyboardInterrupt):
        train_tiny("stopped", 8)
    assert not Run.open(whole.path.parent / "stopped").finished
    stopped = train_tiny("stopped", 8)
    for run in (whole, stopped):
        assert run.finished
        assert run.record.continued_from == (4,)
        assert run.settings.trainer.steps == 8
        assert run.settings.trainer.checkpoint_every == 2
    assert [row["step"] for row in read_rows(whole.metrics_path)] == [str(step) for step in range(1, 9)]
    assert read_rows(stopped.metrics_path) == read_rows(whole.metrics_path)
    assert stopped.weights_path("model").read_bytes() == whole.weights_path("model").read_bytes()


def test_fewer_steps_and_more_for_an_unfinished_run_are_refused(
    train_tiny: Callable[..., Run], interrupted: Callable[..., AbstractContextManager[None]]
) -> None:
    with interrupted(at=2), pytest.raises(KeyboardInterrupt):
        train_tiny("run", 4)
    with pytest.raises(ConfigError, match="steps=4, asked for 8"):
        train_tiny("run", 8)
    train_tiny("run", 4)
    with pytest.raises(ConfigError, match="steps=4, asked for 3"):
        train_tiny("run", 3)
