"""A run on disk: what training writes and prediction reads.

`config.yaml`, `plan.json`, `run.json`, `checkpoints/last.ckpt`, `model.safetensors`, `teacher.safetensors`,
`metrics.csv`, TensorBoard events, `train.log`, `progress.png` and `DONE`. Nothing in it is an absolute path,
so a run folder can be moved.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from alcseg.data.plan import Plan
from alcseg.errors import CheckpointError
from alcseg.files import read_json

__all__ = ["RunFolder"]


@dataclass(frozen=True)
class RunFolder:
    """Paths and records of one run.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open a folder that `alcseg train` wrote.

        Raises:
            CheckpointError: If it is not one.
        """
        run = cls(Path(path))
        for needed in (run.config_path, run.plan_path, run.record_path):
            if not needed.is_file():
                raise CheckpointError(
                    f"{path}: expected a run folder with {needed.name}, found none. "
                    "Give the --out folder of `alcseg train`."
                )
        return run

    @property
    def config_path(self) -> Path:
        """Resolved settings."""
        return self.path / "config.yaml"

    @property
    def plan_path(self) -> Path:
        """How files become voxels."""
        return self.path / "plan.json"

    @property
    def record_path(self) -> Path:
        """Versions, seed, cases and status."""
        return self.path / "run.json"

    @property
    def checkpoint_path(self) -> Path:
        """What a resumed training reads."""
        return self.path / "checkpoints" / "last.ckpt"

    @property
    def metrics_path(self) -> Path:
        """Loss terms and validation Dice over the steps."""
        return self.path / "metrics.csv"

    @property
    def log_path(self) -> Path:
        """What training told, with times."""
        return self.path / "train.log"

    @property
    def plan(self) -> Plan:
        """How files become voxels."""
        return Plan.from_dict(read_json(self.plan_path))

    @property
    def config(self) -> dict[str, Any]:
        """Resolved settings by section."""
        try:
            content = yaml.safe_load(self.config_path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("method"), dict):
            raise CheckpointError(
                f"{self.config_path}: expected the settings of a run, found something else. "
                "Restore the file, or train again."
            )
        return content

    @property
    def record(self) -> dict[str, Any]:
        """Content of `run.json`."""
        content: dict[str, Any] = read_json(self.record_path)
        return content

    @property
    def method(self) -> str:
        """Name of the method."""
        return str(self.config["method"]["name"])

    @property
    def finished(self) -> bool:
        """Whether training reached its last step."""
        return (self.path / "DONE").is_file()

    def weights_path(self, network: str) -> Path:
        """Weights of `model` or `teacher`."""
        return self.path / f"{network}.safetensors"
