"""A run on disk: what training writes and prediction reads.

`config.yaml`, `plan.json`, `run.json`, `checkpoints/last.ckpt`, `model.safetensors`, `teacher.safetensors`,
`metrics.csv`, TensorBoard events, `train.log`, `progress.png` and `DONE`; `snapshots/step-<n>/` with weights
on the way, where `trainer.snapshot_every` asks for them. Where a run has several stages,
those before the last keep theirs in `stages/<stage>/` and `checkpoints/<stage>/`, with the labels they hand
on. Nothing in it is an absolute path, so a run folder can be moved.
"""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

from alcseg.errors import CheckpointError
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import RunSettings

__all__ = ["Run"]


@dataclass(frozen=True)
class Run:
    """Paths and records of one run; it stands for its folder wherever a path is wanted.

    Attributes:
        path: The folder.
        stage: The stage that weights, checkpoint and metrics belong to; the last one has no name.
    """

    path: Path
    stage: str = ""

    @classmethod
    def open(cls, path: "str | PathLike[str] | Run") -> "Run":
        """Open a folder that `alcseg train` wrote; a run that is open stays the same.

        Raises:
            CheckpointError: If it is not one.
        """
        run = path if isinstance(path, cls) else cls(Path(path))
        for needed in (run.config_path, run.plan_path, run.record_path):
            if not needed.is_file():
                raise CheckpointError(
                    f"{path}: expected a run folder with {needed.name}, found none. "
                    "Give the --out folder of `alcseg train`."
                )
        return run

    def __fspath__(self) -> str:
        return str(self.path)

    def at_stage(self, stage: str) -> "Run":
        """The same run at another stage."""
        return Run(self.path, stage)

    @property
    def stage_path(self) -> Path:
        """Folder of the stage."""
        return self.path / "stages" / self.stage if self.stage else self.path

    @property
    def labels_path(self) -> Path:
        """Labels that the stage hands on, `<case>.npy` on the model grid."""
        return self.stage_path / "labels"

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
        return self.path / "checkpoints" / self.stage / "last.ckpt"

    @property
    def snapshots(self) -> dict[int, Path]:
        """Steps after which weights were kept, and the folders that hold them."""
        folders = (self.stage_path / "snapshots").glob("step-*")
        return dict(sorted((int(folder.name.removeprefix("step-")), folder) for folder in folders))

    @property
    def metrics_path(self) -> Path:
        """Loss terms and validation Dice over the steps."""
        return self.stage_path / "metrics.csv"

    @property
    def stage_names(self) -> list[str]:
        """Stages that were begun before the last one, in that order."""
        folders = {path.name: path for path in (self.path / "stages").glob("*") if path.is_dir()}
        order = self.record.stages
        if order is None:  # a run from before the order was kept: as good as its folders tell
            return sorted(folders, key=lambda name: folders[name].stat().st_ctime)
        return [name for name in order if name in folders]

    @property
    def log_path(self) -> Path:
        """What training told, with times."""
        return self.path / "train.log"

    @property
    def done_path(self) -> Path:
        """Marker of the end."""
        return self.stage_path / "DONE"

    @cached_property
    def plan(self) -> Plan:
        """How files become voxels."""
        return Plan.read(self.path)

    @cached_property
    def settings(self) -> RunSettings:
        """All settings, resolved."""
        return RunSettings.read(self.path)

    @property
    def record(self) -> RunRecord:
        """Versions, cases and status, as they are now."""
        return RunRecord.read(self.path)

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.settings.method.name

    @property
    def finished(self) -> bool:
        """Whether the stage, and so for the last one the run, came to its end."""
        return self.done_path.is_file()

    def weights_path(self, network: str) -> Path:
        """Weights of `model` or `teacher`."""
        return self.stage_path / f"{network}.safetensors"
