"""A run whose network is small enough to be exported in a moment, as a training leaves it."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

from alcseg.inference.load import build_method
from alcseg.networks import NETWORKS, StridePadded
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import ChosenMethod, ChosenNetwork, RunSettings
from alcseg.records.steps import StepTable

PATCH = (10, 12, 8)
PLAN = Plan(
    spacing=(1.0, 1.0, None),
    patch=PATCH,
    normalization="zscore",
    clip=None,
    label_values=(0, 5, 9),
    label_names=("background", "left", "right"),
    channel_names=("MRI",),
)


def small(in_channels: int, num_classes: int, *, filters: int = 2, dropout: float = 0.5) -> nn.Module:
    """A network with strides, normalization and dropout, but hardly any size; stands for the V-Net."""
    layers = (
        nn.Conv3d(in_channels, filters, 3, stride=2, padding=1),
        nn.BatchNorm3d(filters),
        nn.ReLU(),
        nn.Dropout3d(dropout),
        nn.ConvTranspose3d(filters, num_classes, 2, stride=2),
    )
    return StridePadded(nn.Sequential(*layers), 4)


def make_run(folder: Path, patch: pytest.MonkeyPatch, plan: Plan = PLAN, **network: object) -> Path:
    """Write the run; without `network` it is that of `small`, in the place of the V-Net."""
    if not network:
        patch.setitem(NETWORKS.builtin, "vnet", small)
        network = {"name": "vnet", "filters": 2}
    settings = RunSettings(method=ChosenMethod(name="h_sup"), network=ChosenNetwork(**network))
    folder.mkdir(parents=True)
    settings.write(folder)
    plan.write(folder)
    RunRecord(
        dataset="Made|up", train_cases=("a", "b", "c"), hq_cases=("a",), val_cases=("v",), data_hash="0f"
    ).write(folder)
    table = StepTable(terms=("hq",))
    table.model_copy(update={"steps": (table.step(4, {"loss": 1.0, "val_dice": 0.625}, 1.0),)}).write_file(
        folder / StepTable.NAME
    )
    torch.manual_seed(0)
    (network_of_it,) = build_method(settings, plan).export_networks().values()
    for name, value in network_of_it.named_parameters():
        if name.endswith("weight"):
            # A trained network's logits are tens, not millions, which float32 knows to a unit.
            nn.init.normal_(value, std=min(0.5, value[0].numel() ** -0.5))
    weights = {key: value.contiguous() for key, value in network_of_it.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "model.safetensors")
    return folder


def write_scans(folder: Path) -> Path:
    """Two scans of unlike sizes, orientations and spacings, one smaller than the patch."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, shape, steps in (("one", (17, 9, 14), (-1, 1, 2)), ("two", (7, 20, 23), (2.0, -0.7, 1))):
        image = nib.Nifti1Image(rng.normal(100, 20, shape).astype(np.float32), np.diag([*steps, 1]))
        nib.save(image, folder / f"{name}.nii.gz")
    return folder


def voxels(folder: Path) -> dict[str, np.ndarray]:
    """Label maps of a folder by the beginning of their names."""
    return {path.name[:3]: np.asanyarray(nib.load(path).dataobj) for path in sorted(folder.glob("*.nii.gz"))}
