"""`config.yaml`: every setting of a run, resolved; what a section takes, and with which range."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval
from pydantic import BeforeValidator, field_validator, model_validator

from alcseg.records.base import Document, Record
from alcseg.records.plan import Normalization
from alcseg.types import BelowOne, Count, Level, NotNegative, Positive, Share, Steps

__all__ = [
    "ChosenMethod",
    "ChosenNetwork",
    "DataSettings",
    "MethodSettings",
    "Precision",
    "RunSettings",
    "Settings",
    "TrainerSettings",
]

Precision = Literal["auto", "32", "bf16"]
Axis = Annotated[int, Interval(ge=0, le=2)]
Side = Annotated[int, Interval(ge=1, le=2048)]
Batch = Annotated[int, Interval(ge=1, le=4096)]


_LARGEST = 3.4e38  # number of single precision


class Settings(Record, allow_inf_nan=False):
    """Numbers are finite, so that YAML and JSON keep them, and no larger than tensors hold."""

    @field_validator("*")
    @classmethod
    def _require_single(cls, value: Any) -> Any:
        if isinstance(value, float) and abs(value) > _LARGEST:
            raise ValueError(f"expected a number that single precision holds, up to {_LARGEST:g}")
        return value


class MethodSettings(Settings, extra="forbid"):
    """What can be set of a training method; each has its own."""


class _Chosen(Record, extra="allow"):
    """One of several, which knows what can be set of it."""

    name: str
    """Which."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it was built with; it knows their types."""
        return dict(self.model_extra or {})


class ChosenMethod(_Chosen):
    """Which method, with all its settings."""

    name: str
    """Word behind `--method`."""


class ChosenNetwork(_Chosen):
    """Which network, with all its settings; each network has its own, see the page on settings."""

    name: str = "vnet"
    """`vnet`, `unet`, `segresnet`, `dynunet`, `swin_unetr`, `unetr` or that of another package."""


class DataSettings(Settings):
    """How cases become batches; null means planned from the data or the machine."""

    patch: tuple[Side, Side, Side] | None = None
    """Side lengths of a patch in voxels."""
    spacing: tuple[Positive | None, Positive | None, Positive | None] | None = None
    """Voxel size of the model grid in mm, RAS axes; null in an axis keeps each case's own."""
    flat_levels: tuple[Level, Level, Level] | None = None
    """For each axis, in how many of its first levels the network works in planes across it: kernels of one
    voxel and no halving. For axes of thick voxels; planned for `vnet` and `dynunet`, none for the others."""
    normalization: Normalization | None = None
    """`zscore`, `ct` or `none`."""
    clip: tuple[float, float] | None = None
    """Intensity window under `ct`."""
    hq_batch: Batch | None = None
    """HQ patches per step."""
    lq_batch: Batch | None = None
    """LQ patches per step."""
    foreground_fraction: Share = 0.0
    """Share of patches centered on foreground of the given label, each of its classes as often."""
    flip_axes: tuple[Axis, ...] = ()
    """Axes flipped at random."""
    rotate_plane: tuple[Axis, Axis] | None = None
    """Axes in which quarter turns are drawn."""
    rotate_degrees: Annotated[float, Interval(ge=0, le=180)] = 0.0
    """Largest random turn about each axis, without axes of thick voxels (`flat_levels`)."""
    zoom: Share = 0.0
    """Largest random change of size, as a share; without axes of thick voxels."""
    intensity_scale: NotNegative = 0.0
    """Largest relative change of the intensities."""
    intensity_shift: NotNegative = 0.0
    """Largest shift of the intensities in standard deviations."""
    cache: str | None = None
    """Folder of preprocessed cases; null puts it beside the run folder."""
    cache_gib: Positive | None = 100.0
    """Size in GiB above which a training removes of it what was used longest ago; null: no limit."""

    @field_validator("flip_axes", "rotate_plane")
    @classmethod
    def _require_different(cls, axes: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if axes is not None and len(set(axes)) < len(axes):
            raise ValueError("expected different axes, each of 0, 1 and 2")
        return axes

    @field_validator("clip")
    @classmethod
    def _require_rising(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and not clip[0] < clip[1]:
            raise ValueError("expected a lowest and a higher intensity")
        return clip

    @model_validator(mode="after")
    def _require_square(self) -> "DataSettings":
        if self.patch is not None and self.rotate_plane is not None:
            a, b = self.rotate_plane
            if self.patch[a] != self.patch[b]:
                raise ValueError(
                    f"rotate_plane: expected a patch that is square in axes {[a, b]}, got "
                    f"{list(self.patch)}. Set data.rotate_plane=null or a square patch."
                )
        return self


class TrainerSettings(Settings):
    """How long and how."""

    steps: Steps | None = None
    """Optimizer steps; null: 30,000 on a GPU, 1,000 on a CPU."""
    learning_rate: NotNegative = 0.01
    """Of SGD at the start."""
    momentum: BelowOne = 0.9
    """Of SGD."""
    weight_decay: NotNegative = 1e-4
    """Of SGD."""
    poly_power: NotNegative = 0.9
    """Of the polynomial decay."""
    validate_every: Annotated[int, Interval(ge=0, le=10**9)] | None = None
    """Steps between validations on clean validation cases; null: a tenth of the run; 0: never."""
    checkpoint_every: Steps | None = None
    """Steps between checkpoints; null: a twentieth of the run."""
    snapshot_every: Steps | None = None
    """Steps between weights that are kept, in snapshots/step-<n>/; null: none are."""
    log_every: Steps = 10
    """Steps between rows of metrics.csv."""
    val_hq: Annotated[int, Ge(0)] | None = None
    """HQ training cases held out where the dataset has no validation split; null: a fifth, at least one."""
    precision: Annotated[Precision, BeforeValidator(str)] = "auto"  # YAML reads 32 as int
    """`auto` (bf16 where a small convolution, timed as a run begins, is faster in it), `32` or `bf16`."""
    devices: Count | None = None
    """GPUs, or processes on CPUs, of each machine, which share the patches of a step; null: as many as
    torchrun or srun started, else one. The numbers are not those of one process: dropout draws by process,
    and on CPUs batches are normalized (BatchNorm) over the share of each process, on GPUs over all."""
    nodes: Count | None = None
    """Machines; null: those that torchrun or srun started on, else one."""

    @property
    def processes(self) -> int:
        """On all machines."""
        return (self.devices or 1) * (self.nodes or 1)


class RunSettings(Document):
    """All settings of a run; the file can be given to `alcseg train --config`."""

    NAME = "config.yaml"
    MADE_BY = "`alcseg train`"

    method: ChosenMethod
    """Which method, with all its settings; `alcseg methods NAME` lists them."""
    network: ChosenNetwork = ChosenNetwork()
    """Which network, with all its settings."""
    data: DataSettings = DataSettings()
    """How cases become batches."""
    trainer: TrainerSettings = TrainerSettings()
    """How long and how."""
    seed: int = 0
    """Of weights, patches, noise and dropout."""
    preset: str | None = None
    """Shipped settings that it began with."""

    @property
    def dotted(self) -> dict[str, Any]:
        """Every setting by its dotted name, as plain types."""
        found: dict[str, Any] = {}
        for section, values in self.model_dump(mode="json").items():
            named = values if isinstance(values, dict) else {"": values}
            found |= {f"{section}.{key}".rstrip("."): value for key, value in named.items()}
        return found
