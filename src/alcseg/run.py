"""A run on disk: what training writes and prediction reads.

`config.yaml`, `plan.json`, `run.json`, `checkpoints/last.ckpt` and `previous.ckpt`, `model.safetensors`,
`teacher.safetensors`, `metrics.csv`, TensorBoard events, `train.log`, `progress.png` and `DONE`;
`initial.safetensors` where it began with the weights of another run; `snapshots/step-<n>/` with weights
on the way, where `trainer.snapshot_every` asks for them. Where a run has several stages,
those before the last keep theirs in `stages/<stage>/` and `checkpoints/<stage>/`, with the labels they hand
on. Nothing in it is an absolute path, so a run folder can be moved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from numpy.typing import ArrayLike

from alcseg.errors import CheckpointError
from alcseg.frames import to_frame
from alcseg.listing import has_file, list_folders
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.records.run import RunRecord
from alcseg.records.settings import RunSettings
from alcseg.records.steps import StepTable
from alcseg.types import EngineName, FloatArray, LabelMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

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
            if not has_file(needed):
                raise CheckpointError(
                    f"{run.path}: expected a run folder with {needed.name}, found none. "
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
        return RunSettings.path(self.path)

    @property
    def plan_path(self) -> Path:
        """How files become voxels."""
        return Plan.path(self.path)

    @property
    def record_path(self) -> Path:
        """Versions, seed, cases and status."""
        return RunRecord.path(self.path)

    @property
    def checkpoint_path(self) -> Path:
        """What a resumed training reads."""
        return self.path / "checkpoints" / self.stage / "last.ckpt"

    @property
    def initial_path(self) -> Path:
        """Weights that it began with, where they are those of another run."""
        return self.path / "initial.safetensors"

    @property
    def snapshots(self) -> dict[int, Path]:
        """Steps after which weights were kept, and the folders that hold them."""
        folders = list_folders(self.stage_path / "snapshots", "step-*")
        return dict(sorted((int(folder.name.removeprefix("step-")), folder) for folder in folders))

    @property
    def metrics_path(self) -> Path:
        """Loss terms and validation Dice over the steps."""
        return self.stage_path / StepTable.NAME

    @property
    def stage_names(self) -> list[str]:
        """Stages that were begun before the last one, in that order."""
        folders = {path.name: path for path in list_folders(self.path / "stages")}
        order = self.record.stages
        if order is None:  # a run from before the order was kept: as good as its folders tell
            return sorted(folders, key=lambda name: folders[name].stat().st_ctime)
        return [name for name in order if name in folders]

    def learned_from(self, rows: Iterable[CaseRow]) -> frozenset[str]:
        """Cases that it was trained on, or the run whose weights it began with.

        Where it does not say, those of `rows` that are of split train.
        """
        record = self.record
        own = record.train_cases
        before = () if record.initial is None else record.initial.train_cases
        found = [row.case_id for row in rows if row.split == "train"] if own is None else own
        return frozenset((*found, *before))

    @property
    def stages(self) -> "list[Run]":
        """The same run at each stage that was begun, the last one last."""
        return [self.at_stage(name) for name in (*self.stage_names, "")]

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
        return has_file(self.done_path)

    def has_checkpoint(self) -> bool:
        """Whether there is something of the run, in whichever stage, that a training can go on from."""
        return any((self.path / "checkpoints").rglob("last.ckpt"))

    @property
    def metrics(self) -> StepTable:
        """Loss terms and validation Dice over the steps of the stage, as far as they are."""
        return StepTable.read_file(self.metrics_path)

    @property
    def curves(self) -> dict[str, StepTable]:
        """Metrics of all stages that have any, by method and stage, the last stage last."""
        tables = {
            f"{self.method} {stage.stage}".strip(): stage.metrics
            for stage in self.stages
            if has_file(stage.metrics_path)
        }
        return {name: table for name, table in tables.items() if table.steps}

    def to_frame(self) -> "DataFrame":
        """Metrics over the steps, a line per step and the columns of `metrics.csv`; needs pandas."""
        return to_frame(self.metrics.rows())

    def plot(self) -> "Figure":
        """Loss terms and validation Dice over the steps, a column per stage."""
        from alcseg.views.run import figure

        return figure(self)

    def _repr_html_(self) -> str:
        from alcseg.views.run import html

        return html(self)

    @overload
    def predict(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: Literal[False] = False,
        device: str = "auto",
        engine: EngineName = "auto",
    ) -> LabelMap: ...

    @overload
    def predict(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: Literal[True],
        device: str = "auto",
        engine: EngineName = "auto",
    ) -> FloatArray: ...

    def predict(
        self,
        image: ArrayLike,
        *,
        affine: ArrayLike | None = None,
        spacing: Sequence[float] | None = None,
        probabilities: bool = False,
        device: str = "auto",
        engine: EngineName = "auto",
    ) -> LabelMap | FloatArray:
        """Predict one image: the voxels that `alcseg predict` writes for the same image in a file.

        The network is loaded by the first call and kept as long as this object, for each device and
        engine that is asked for. Several threads may predict with one run. `alcseg.load` does the same for
        exported files and for several runs that answer as one.

        Args:
            image: `(X, Y, Z)`, or `(C, X, Y, Z)` with the channels of the plan.
            affine: Voxel index to RAS millimetres, `(4, 4)`.
            spacing: Voxel size in mm in its stead, for axes that run to the right, to the front and up.
            probabilities: Ask for those in place of the label map.
            device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
            engine: What computes predictions: `auto`, `fastest`, `torch`, `folded` or `openvino`; labels
                differ by rounding alone. On a CPU `fastest` is OpenVINO where it is installed, and no
                training should follow that in one process: it can crash the interpreter.

        Returns:
            Label values `(X, Y, Z)`; or the probabilities of all classes in the order of the plan, float32,
            `(K, X, Y, Z)`.

        Raises:
            ShapeError: If image, affine or spacing have another shape, or other channels than the plan.
            DataError: If the image is constant or not finite.
            GeometryError: If the affine cannot place voxels in space.
            UsageError: If there is neither an affine nor a spacing, or both.
            CheckpointError: If the weights are absent or do not fit.
        """
        from alcseg.inference.arrays import predict_array

        return predict_array(
            self,
            image,
            affine=affine,
            spacing=spacing,
            probabilities=probabilities,
            device=device,
            engine=engine,
        )

    @cached_property
    def loaded(self) -> dict[tuple[str, EngineName], Any]:
        """What `predict` keeps, an `ArrayPredictor` by device and engine."""
        return {}

    def weights_path(self, network: str) -> Path:
        """Weights of `model` or `teacher`."""
        return self.stage_path / f"{network}.safetensors"
