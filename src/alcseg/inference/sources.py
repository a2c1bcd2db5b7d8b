"""What can be predicted with: a run, or a file that `alcseg export` made of one, behind one interface.

A source gives a plan and networks; whoever predicts asks for nothing else. A new kind of source is another
class and a line in `open_source`.
"""

from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from alcseg.errors import CheckpointError, PackageError, UsageError
from alcseg.files import file_hash, lines_hash
from alcseg.inference.load import load_networks
from alcseg.inference.pick_engine import pick_engine
from alcseg.inference.pt2_archive import load_pt2_network, read_pt2_record
from alcseg.listing import has_file
from alcseg.records.export import ExportRecord
from alcseg.records.plan import Plan
from alcseg.records.predictions import Network
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.types import EngineName

__all__ = ["BUNDLE_MODEL", "ModelSource", "open_source", "run_hash"]

BUNDLE_MODEL = Path("models") / "model.pt2"
"""Where a MONAI bundle of `alcseg export` holds its network."""


class ModelSource(Protocol):
    """A plan and networks that were trained on it."""

    @property
    def path(self) -> Path:
        """The folder or file, as it was given."""
        ...

    @property
    def plan(self) -> Plan:
        """Spacing, intensities and labels."""
        ...

    @property
    def settings(self) -> RunSettings:
        """Of the training."""
        ...

    @property
    def hash(self) -> str:
        """Stands for what decides on the voxels that it predicts."""
        ...

    def network(self, name: Network, device: torch.device) -> nn.Module:
        """The network that answers, in evaluation mode on the device, `(B, C, X, Y, Z)` to logits.

        Raises:
            UsageError: If it has none of that name.
            CheckpointError: If its weights are absent, damaged or do not fit.
        """
        ...

    def engine(self, name: EngineName, device: torch.device) -> str:
        """What computes the forward passes where that engine is asked for, as records name it.

        Raises:
            UsageError: If it is not to be had.
        """
        ...

    def require_uncertainty(self) -> None:
        """Refuse where perturbed passes cannot be made of it.

        Raises:
            UsageError: If so.
        """
        ...


def open_source(path: "str | PathLike[str] | Run") -> ModelSource:
    """A run folder, a `.pt2` or `.onnx` file of `alcseg export`, or a bundle of it.

    Raises:
        CheckpointError: If it is none of these.
        PackageError: If a package that it needs is missing.
    """
    if not isinstance(path, Run):
        file = Path(path)
        if has_file(file / BUNDLE_MODEL):
            file = file / BUNDLE_MODEL
        if file.suffix in (".pt2", ".onnx"):
            if not has_file(file):
                raise CheckpointError(
                    f"{file}: expected a model of `alcseg export`, found no file. Check the path."
                )
            return Pt2Source(file) if file.suffix == ".pt2" else OnnxSource(file)
    return RunSource(Run.open(path))


@dataclass(frozen=True)
class RunSource:
    """See `ModelSource`."""

    run: Run

    @property
    def path(self) -> Path:
        """See `ModelSource`."""
        return self.run.path

    @property
    def plan(self) -> Plan:
        """See `ModelSource`."""
        return self.run.plan

    @property
    def settings(self) -> RunSettings:
        """See `ModelSource`."""
        return self.run.settings

    @cached_property
    def hash(self) -> str:
        """See `ModelSource`."""
        return run_hash(self.run)

    def network(self, name: Network, device: torch.device) -> nn.Module:
        """See `ModelSource`."""
        networks = load_networks(self.run, device)
        if name == "teacher":
            if networks.teacher is None:
                raise UsageError(
                    f"--network teacher: method '{self.run.method}' has none. Use --network auto."
                )
            return networks.teacher
        if name == "student" and self.settings.method.settings.get("eval_network", "student") != "student":
            raise UsageError(f"--network student: {self.path} kept its teacher alone. Use --network auto.")
        return networks.predict

    def engine(self, name: EngineName, device: torch.device) -> str:
        """See `ModelSource`."""
        return pick_engine(name, device)

    def require_uncertainty(self) -> None:
        """See `ModelSource`."""


class _Exported:
    """What both kinds of files have in common."""

    path: Path
    record: ExportRecord

    @property
    def plan(self) -> Plan:
        """See `ModelSource`."""
        return self.record.plan

    @property
    def settings(self) -> RunSettings:
        """See `ModelSource`."""
        return self.record.settings

    @cached_property
    def hash(self) -> str:
        """See `ModelSource`."""
        return file_hash(self.path)

    def _require_auto(self, name: Network) -> None:
        if name != "auto":
            raise UsageError(
                f"--network {name}: {self.path} holds one network. Use --network auto, or the run."
            )


class Pt2Source(_Exported):
    """See `ModelSource`."""

    def __init__(self, path: Path) -> None:
        self.path, self.record = path, read_pt2_record(path)

    def network(self, name: Network, device: torch.device) -> nn.Module:
        """See `ModelSource`."""
        self._require_auto(name)
        return load_pt2_network(self.path, self.record, device)

    def engine(self, name: EngineName, device: torch.device) -> str:
        """See `ModelSource`."""
        return pick_engine(name, device)

    def require_uncertainty(self) -> None:
        """See `ModelSource`."""


class OnnxSource(_Exported):
    """See `ModelSource`."""

    def __init__(self, path: Path) -> None:
        if find_spec("onnxruntime") is None:
            raise PackageError(
                f"{path}: expected the package onnxruntime, found none. pip install 'alcseg[onnx]'."
            )
        from alcseg.inference import onnx_network

        self.path = path
        self._onnx: Any = onnx_network
        self.record = onnx_network.read_onnx_record(onnx_network.open_session(path), path)

    def network(self, name: Network, device: torch.device) -> nn.Module:
        """See `ModelSource`."""
        self._require_auto(name)
        session = self._onnx.open_session(self.path, device)
        network: nn.Module = self._onnx.OnnxNetwork(session, any_batch=self.record.any_batch).eval()
        return network

    def engine(self, name: EngineName, device: torch.device) -> str:
        """See `ModelSource`."""
        if name not in ("auto", "fastest"):
            raise UsageError(f"--engine {name}: {self.path} is computed by onnxruntime. Use --engine auto.")
        return str(self._onnx.OnnxNetwork.computed_by)

    def require_uncertainty(self) -> None:
        """See `ModelSource`."""
        raise UsageError(
            f"--uncertainty: {self.path} has no dropout to perturb it by. Use the run, or its .pt2."
        )


def run_hash(run: Run) -> str:
    """Stands for what decides on the voxels that a run predicts: its settings, plan and weights."""
    parts = (run.config_path, run.plan_path, run.weights_path("model"), run.weights_path("teacher"))
    found = [file_hash(path) for path in parts if has_file(path)]
    return lines_hash(found)
