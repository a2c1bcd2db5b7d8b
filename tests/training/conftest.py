"""A tiny dataset folder and settings that train on it within seconds."""

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.folder import Dataset
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.training_methods import Method

VALUES = np.array([0, 5, 9], np.uint8)

TINY = (
    "network.filters=2",
    "data.patch=[16,16,16]",
    "data.spacing=[1,1,1]",
    "data.hq_batch=2",
    "data.lq_batch=2",
    "trainer.steps=6",
    "trainer.precision=32",
    "trainer.checkpoint_every=2",
    "trainer.validate_every=3",
    "trainer.log_every=1",
)
"""Values of `set` for `train`: the smallest run that has everything in it."""


@pytest.fixture(scope="session")
def tiny_settings() -> tuple[str, ...]:
    return TINY


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Write `hq_0..`, `lq_0..`, `val_0..`, `ts_0` of 20 x 18 x 17 voxels: a box with a brighter half."""

    def make(
        *, hq: int = 3, lq: int = 2, val: int = 1, empty: bool = False, name: str = "dataset"
    ) -> Dataset:
        root = tmp_path / name
        rng = np.random.default_rng(5)
        rows = []
        for kind, count in (("hq", hq), ("lq", lq), ("val", val), ("ts", 1)):
            for number in range(count):
                case_id = f"{kind}_{number}"
                truth = np.zeros((20, 18, 17), np.uint8)
                x, y, z = rng.integers(2, 6, 3)
                truth[x : x + 9, y : y + 8, z : z + 8] = 1
                truth[x : x + 4, y : y + 8, z : z + 8] = 2
                image = truth + rng.normal(0, 0.3, truth.shape)
                split = {"val": "val", "ts": "test"}.get(kind, "train")
                folder = "Ts" if kind == "ts" else "Tr"
                given = np.zeros_like(truth) if empty else truth
                if kind == "lq":
                    _save(root / "labelsClean" / f"{case_id}.nii.gz", VALUES[truth])
                    given = np.roll(truth, 2, axis=0)
                _save(root / f"images{folder}" / f"{case_id}_0000.nii.gz", image.astype(np.float32))
                _save(root / f"labels{folder}" / f"{case_id}.nii.gz", VALUES[given])
                quality = "lq" if kind == "lq" else "hq"
                rows.append(
                    CaseRow(case_id=case_id, quality=quality, split=split, group=case_id, source="made")
                )
        CaseRow.write(root, rows)
        DatasetRecord(
            name="tiny",
            channel_names={"0": "MRI"},
            labels={"background": 0, "left": 5, "right": 9},
            num_training=hq + lq + val,
        ).write(root)
        return Dataset.open(root)

    return make


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset]) -> Dataset:
    return make_dataset()


@pytest.fixture
def read_rows() -> Callable[[Path], list[dict[str, Any]]]:
    """Rows of a metrics.csv without the column that depends on the clock."""

    def read(path: Path) -> list[dict[str, Any]]:
        import csv

        with path.open(newline="", encoding="utf-8") as stream:
            return [
                {name: value for name, value in row.items() if name != "time_s"}
                for row in csv.DictReader(stream)
            ]

    return read


def _save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(array, np.eye(4)), path)


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AbstractContextManager[None]]:
    """Within the block trainings are sent a signal as they begin a step: `with interrupted(at=2):`."""

    @contextmanager
    def interrupt(at: int, number: int = signal.SIGINT) -> Iterator[None]:
        step = Method.take_step

        def take_step(self: Method, batch: Any, optimizers: Any, **options: Any) -> None:
            if self.done == at:
                signal.raise_signal(number)
            step(self, batch, optimizers, **options)

        with monkeypatch.context() as patch:
            patch.setattr(Method, "take_step", take_step)
            yield

    return interrupt
