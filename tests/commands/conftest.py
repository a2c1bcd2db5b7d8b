"""A dataset that a pointwise network solves, and a run folder around that network."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy.ndimage import grey_dilation
from torch import Tensor, nn

from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseEntry, NoiseManifest
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import ChosenMethod, RunSettings

VALUES = np.array([0, 5, 9])
"""Label values with gaps; the image holds 0, 1, 2 plus noise where the label holds these."""

ORIENTATIONS = ("RAS", "LPS", "PIR", "SAL")


class Threshold(nn.Module):
    """Class k where the intensity is nearest to k: the logit -s (x - k)^2 without its common term."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout3d(0.0)
        self.head = nn.Conv3d(1, 3, kernel_size=1)
        with torch.no_grad():
            k = torch.arange(3.0)
            self.head.weight.copy_(60 * k.reshape(3, 1, 1, 1, 1))
            self.head.bias.copy_(-30 * k**2)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.dropout(image))


class FakeNetworks(NamedTuple):
    predict: nn.Module
    teacher: nn.Module | None


def oriented_affine(orientation: str, spacing: tuple[float, float, float]) -> np.ndarray:
    """Affine whose axes point to the letters of `orientation`, with an offset and a slight rotation."""
    angle = 0.05
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    target = nib.orientations.axcodes2ornt(orientation)
    columns = np.zeros((3, 3))
    for axis, (world, sign) in enumerate(target):
        columns[int(world), axis] = sign * spacing[axis]
    affine = np.eye(4)
    affine[:3, :3] = turn @ columns
    affine[:3, 3] = (-17.25, 30.5, 4.125)
    return affine


def make_truth(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Classes 0..2: a box with a smaller box of the second class beside it."""
    truth = np.zeros(shape, np.uint8)
    x, y, z = (int(rng.integers(2, 4)) for _ in range(3))
    truth[x : x + 6, y : y + 5, z : z + 4] = 1
    truth[x + 6 : x + 9, y : y + 5, z : z + 4] = 2
    return truth


def save(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, affine)
    image.set_sform(affine, 2)
    image.set_qform(affine, 1)
    nib.save(image, path)


@pytest.fixture
def solvable_dataset(tmp_path: Path) -> Path:
    """`hq_0`, `lq_0`, `lq_1`, `val_0..2`, `ts_0`; LQ labels are dilated; `labelsClean` is a decoy."""
    root = tmp_path / "dataset"
    rng = np.random.default_rng(0)
    names = ["hq_0", "lq_0", "lq_1", "val_0", "val_1", "val_2", "ts_0"]
    rows = []
    for index, name in enumerate(names):
        kind = name.split("_")[0]
        split = {"val": "val", "ts": "test"}.get(kind, "train")
        affine = oriented_affine(ORIENTATIONS[index % 4], (1.0, 1.0, 2.5))
        truth = make_truth((16, 14, 12), rng)
        image = (truth + rng.normal(0, 0.05, truth.shape)).astype(np.float32)
        label = grey_dilation(truth, size=3) if kind == "lq" else truth
        folder = "Ts" if split == "test" else "Tr"
        save(root / f"images{folder}" / f"{name}_0000.nii.gz", image, affine)
        save(root / f"labels{folder}" / f"{name}.nii.gz", VALUES[label].astype(np.uint8), affine)
        if kind == "lq":
            save(root / "labelsClean" / f"{name}.nii.gz", VALUES[truth].astype(np.uint8), affine)
        rows.append(
            CaseRow(
                case_id=name, quality="lq" if kind == "lq" else "hq", split=split, group=name, source="made"
            )
        )
    CaseRow.write(root, rows)
    DatasetRecord(
        name="boxes",
        channel_names={"0": "MRI"},
        labels={"background": 0, "left": 5, "right": 9},
        num_training=6,
        extra={"licence": "none"},
    ).write(root)
    NoiseManifest(cases={"lq_0": NoiseEntry(), "lq_1": NoiseEntry()}).write(root)
    return root


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a run folder whose network is `Threshold`; further keyword arguments change its plan."""

    def make(
        network: nn.Module | None = None,
        teacher: nn.Module | None = None,
        trained: tuple[str, ...] | None = ("hq_0", "lq_0", "lq_1"),
        **plan: object,
    ) -> Path:
        settings: dict[str, object] = {
            "spacing": (None, None, None),
            "patch": (8, 8, 8),
            "normalization": "none",
            "clip": None,
            "label_values": (0, 5, 9),
            "label_names": ("background", "left", "right"),
            "channel_names": ("MRI",),
        }
        run = tmp_path / "run"
        run.mkdir(exist_ok=True)
        Plan(**(settings | plan)).write(run)
        RunSettings(method=ChosenMethod(name="h_sup")).write(run)
        RunRecord(train_cases=trained).write(run)
        networks = FakeNetworks((network or Threshold()).eval(), teacher and teacher.eval())
        for module in ("inference.sources", "commands._answers"):
            monkeypatch.setattr(f"alcseg.{module}.load_networks", lambda run, device, **options: networks)
        return run

    return make


@pytest.fixture
def threshold_network() -> nn.Module:
    """What `make_run` takes where no network is given."""
    return Threshold()


@pytest.fixture
def read_values() -> Callable[[Path], np.ndarray]:
    """Voxels of a NIfTI file as stored."""
    return lambda path: np.asanyarray(nib.load(path).dataobj)


@pytest.fixture
def little_to_explain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes of a few voxels, dilated by one, are explained by nothing as well as organs are."""
    monkeypatch.setattr("alcseg.auditing.referee._UNEXPLAINED", 0.02)
