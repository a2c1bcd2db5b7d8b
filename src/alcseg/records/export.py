"""`alcseg.json`: what an exported model is, and how files become what it sees; it travels within the file."""

from typing import Annotated, Literal, Self

from annotated_types import Interval
from pydantic import model_validator

from alcseg.records.base import Document, Record
from alcseg.records.plan import Plan
from alcseg.records.settings import RunSettings
from alcseg.types import Count, NotNegative, Share

__all__ = ["Agreement", "ExportRecord", "Sizes", "TrainedOn", "WindowRule"]

Sizes = Literal["any", "patch"]
"""Which windows an exported network takes: of any size, or of the plan's patch alone."""

_LARGEST_SIDE = 2048  # of a patch, as in the settings of a training


class WindowRule(Record):
    """How a volume is covered by windows of the patch's size, and how their answers become one."""

    overlap: Share = 0.5
    """Share of a window that the next one covers: windows begin every int(side * (1 - overlap)) voxels, the
    last one ends at the border."""
    sigma: Annotated[float, Interval(gt=0, le=10)] = 0.125
    """Weights are a Gaussian around the middle with this share of each side as its deviation."""
    smallest_weight: Share = 1e-3
    """Below which no weight falls; the largest is 1."""
    padding: Literal["minimum"] = "minimum"
    """Volumes smaller than the patch grow on both sides, less by the smaller half in front, with the
    least value of each channel."""
    average: Literal["probabilities"] = "probabilities"
    """The softmax of each window's logits is averaged."""


class Agreement(Record):
    """How far the exported network was from the trained one when it was exported."""

    case: str
    """Case of the dataset, or `seeded noise`."""
    logits: NotNegative
    """Largest difference of a logit."""
    largest_logit: NotNegative
    """Of the trained network, without its sign."""
    probabilities: NotNegative
    """Largest difference of a probability of the whole volume."""
    labels_differ: int
    """Voxels of the volume on the model grid with another label."""
    voxels: Count
    """Of the volume."""


class TrainedOn(Record):
    """What it learned from."""

    dataset: str = ""
    """Name of the dataset."""
    cases: int = 0
    """Training cases."""
    hq_cases: int = 0
    """Those of them whose labels were trusted."""
    val_cases: int = 0
    """Cases of the validation."""
    val_dice: float | None = None
    """Mean Dice of the foreground classes on them at the last validation; None where there was none."""
    step: int | None = None
    """Steps after which that was."""
    data_hash: str = ""
    """Of all images and labels that trained or validated."""
    finished: str | None = None
    """When the training ended, UTC."""


class ExportRecord(Document):
    """An exported model; in ONNX under `alcseg.json` in `metadata_props`, in `.pt2` an extra file."""

    NAME = "alcseg.json"
    MADE_BY = "`alcseg export`"

    sizes: Sizes
    """Windows that the network takes."""
    any_batch: bool = True
    """Whether it takes several windows at a time, as everything exported here does."""
    plan: Plan
    """How files become voxels; the network's channels and classes are those of the plan."""
    window: WindowRule = WindowRule()
    """How windows become a volume."""
    settings: RunSettings
    """Of the training."""
    run: str = ""
    """Name of the run folder."""
    run_hash: str = ""
    """Of its settings, plan and weights."""
    trained_on: TrainedOn = TrainedOn()
    """What it learned from."""
    agreement: Agreement
    """How far the file was from the trained network."""
    versions: dict[str, str] = {}
    """Of Python and the packages that made the file."""
    exported: str = ""
    """When, UTC."""

    @model_validator(mode="after")
    def _has_a_window(self) -> Self:
        if max(self.plan.patch) > _LARGEST_SIDE:
            raise ValueError(f"expected a patch of at most {_LARGEST_SIDE} a side, found {self.plan.patch}")
        return self
