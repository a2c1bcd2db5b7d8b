"""`alcseg train`: a dataset folder to a run folder."""

import logging
from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from alcseg.audited import Audit
from alcseg.commands.progress import track
from alcseg.config import resolve
from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.files import atomic_path
from alcseg.frames import to_frame
from alcseg.inference.device import pick_device
from alcseg.records.base import Record
from alcseg.records.settings import RunSettings
from alcseg.reporting.figures import png_bytes, training_curves
from alcseg.run import Run
from alcseg.training.estimate import estimate_cost
from alcseg.training.fit import fit
from alcseg.training.initial import settings_of
from alcseg.training.prepare import Prepared, complete_settings, prepare
from alcseg.training.records import open_run

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["TrainingPlan", "plan_training", "train"]

logger = logging.getLogger(__name__)


class TrainingPlan(Record):
    """How a training would go, and what it would cost here."""

    spacing_mm: tuple[float | None, float | None, float | None]
    """Voxel size of the model grid; None in an axis keeps each case's own."""
    patch: tuple[int, int, int]
    """Side lengths in voxels."""
    flat_levels: tuple[int, int, int]
    """For each axis, in how many of its first levels the network leaves it alone: its voxels are thick."""
    kept: dict[str, float]
    """Share of each class's volume that the model grid keeps; empty where no label is made coarser."""
    normalization: str
    """`zscore`, `ct` or `none`."""
    clip: tuple[float, float] | None
    """Intensity window under `ct`."""
    classes: dict[str, int]
    """Name to label value, background first."""
    hq_batch: int | None
    """HQ patches per step."""
    lq_batch: int | None
    """LQ patches per step."""
    steps: int | None
    """Optimizer steps."""
    device: str
    """Where."""
    precision: str
    """`32` or `bf16`."""
    estimated_seconds_per_step: float
    """Without validation."""
    estimated_hours: float
    """Of all steps."""
    estimated_memory_gib: float
    """On the device."""

    def to_frame(self) -> "DataFrame":
        """One line; needs pandas."""
        return to_frame([self])

    @classmethod
    def of(cls, ready: Prepared) -> "TrainingPlan":
        """Measure a step; the method is used up."""
        settings, plan = ready.settings, ready.plan
        cost = estimate_cost(ready.method, settings, ready.device)
        return cls(
            spacing_mm=plan.spacing,
            patch=plan.patch,
            flat_levels=plan.flat_levels,
            kept=plan.kept,
            normalization=plan.normalization,
            clip=plan.clip,
            classes=plan.labels,
            hq_batch=settings.data.hq_batch,
            lq_batch=settings.data.lq_batch,
            steps=settings.trainer.steps,
            device=str(ready.device),
            precision=settings.trainer.precision,
            estimated_seconds_per_step=cost.seconds_per_step,
            estimated_hours=cost.hours,
            estimated_memory_gib=cost.memory_gib,
        )


def train(
    dataset: str | PathLike[str],
    *,
    out: str | PathLike[str],
    method: str = "alc",
    preset: str | None = None,
    seed: int = 0,
    device: str = "auto",
    workers: int = 0,
    set: Sequence[str] = (),
    config: str | PathLike[str] | None = None,
    val_hq: int | None = None,
    hq_from: str | PathLike[str] | None = None,
    init: str | PathLike[str] | None = None,
    steps: int | None = None,
    overwrite: bool = False,
) -> Run:
    """Train a method on a dataset folder; a run folder that was begun goes on.

    Args:
        dataset: The dataset folder.
        out: The run folder.
        method: A name that `alcseg methods` lists.
        preset: Name of shipped settings; without one the plan is made from the data.
        seed: Of weights, patches, noise and dropout.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        workers: Processes that read patches.
        set: `section.key=value` assignments.
        config: YAML file of settings.
        val_hq: HQ cases held out for validation where the dataset has no validation split.
        hq_from: Folder of an audit of the dataset: the labels it trusts are HQ, all others LQ, whatever
            `cases.csv` says.
        init: Run folder whose weights this one begins with. What preset, config and `set` leave open of the
            network and of the grid is then as it is there. Classes and channels go by name.
        steps: Short for `trainer.steps`. A run that came to its end goes on if it is more than it had.
        overwrite: Start afresh.

    Returns:
        The run folder.

    Raises:
        ConfigError: If the method or a setting is unknown, or the weights of `init` do not fit.
        DataError: If the dataset lacks what the method needs, or the audit is of another one or trusts none
            of its labels.
    """
    first = None if init is None else Run.open(init)
    settings = _settings(method, preset, seed, set, config, val_hq, steps, first)
    return fit(
        _source(dataset, hq_from),
        settings,
        Path(out),
        device=device,
        workers=workers,
        hq_from=None if hq_from is None else fspath(hq_from),
        init=first,
        overwrite=overwrite,
        track=lambda rows: track(rows, "Caching cases"),
        before=_tell if preset is None else None,
        after=_draw_progress,
    )


def plan_training(
    dataset: str | PathLike[str],
    *,
    method: str = "alc",
    preset: str | None = None,
    seed: int = 0,
    device: str = "auto",
    set: Sequence[str] = (),
    config: str | PathLike[str] | None = None,
    val_hq: int | None = None,
    hq_from: str | PathLike[str] | None = None,
    init: str | PathLike[str] | None = None,
    steps: int | None = None,
    out: str | PathLike[str] | None = None,
    overwrite: bool = False,
) -> TrainingPlan:
    """What `train` would do with the same arguments, and what it would cost; nothing is written.

    Args:
        dataset: The dataset folder.
        method: A name that `alcseg methods` lists.
        preset: Name of shipped settings; without one the plan is made from the data.
        seed: Of the run.
        device: `auto`, `cpu`, `cuda` or `cuda:<index>`.
        set: `section.key=value` assignments.
        config: YAML file of settings.
        val_hq: HQ cases held out for validation where the dataset has no validation split.
        hq_from: Folder of an audit that says which labels are HQ.
        init: Run folder whose weights it would begin with.
        steps: Short for `trainer.steps`.
        out: The run folder, to be told whether such a run may begin or go on there.
        overwrite: Whether it would start afresh.

    Raises:
        ConfigError: If the method or a setting is unknown.
        DataError: If the dataset lacks what the method needs.
        UsageError: If `out` holds something else.
    """
    first = None if init is None else Run.open(init)
    settings = _settings(method, preset, seed, set, config, val_hq, steps, first)
    chosen = pick_device(device)
    place = None if out is None else Path(out)
    settings = complete_settings(settings, chosen, None if overwrite else place)
    if place is not None:
        open_run(place, settings, overwrite=overwrite)
    return TrainingPlan.of(prepare(_source(dataset, hq_from), settings, chosen, init=first))


def _source(dataset: str | PathLike[str], hq_from: str | PathLike[str] | None) -> Dataset:
    """The dataset, with qualities as an audit has found them."""
    source = Dataset.open(dataset)
    if hq_from is None:
        return source
    found = Audit.open(hq_from)
    found.require_same(source)
    here = source.trusting(found.trusted)
    if not any(row.quality == "hq" and row.split == "train" for row in here.rows):
        raise DataError(
            f"{found.path}: expected an audit that trusts some training label of {source.root}, found none "
            f"of its {len(found.trusted)} in it. Audit this dataset, or name its HQ cases in cases.csv."
        )
    return here


def _settings(
    method: str,
    preset: str | None,
    seed: int,
    assignments: Sequence[str],
    config: str | PathLike[str] | None,
    val_hq: int | None,
    steps: int | None,
    init: Run | None,
) -> RunSettings:
    short = {"trainer.val_hq": val_hq, "trainer.steps": steps}
    return resolve(
        method,
        preset=preset,
        file=config,
        assignments=[*assignments, *(f"{key}={value}" for key, value in short.items() if value is not None)],
        seed=seed,
        base={} if init is None else settings_of(init),
    )


def _tell(ready: Prepared) -> None:
    for name, value in vars(TrainingPlan.of(ready)).items():
        logger.info("%s: %s", name.replace("_", " "), value)


def _draw_progress(run: Run) -> None:
    """`progress.png`: loss terms and validation Dice over the steps."""
    if not run.curves:
        return  # stopped before the first row
    with atomic_path(run.path / "progress.png") as partial:
        partial.write_bytes(png_bytes(training_curves(run.curves)))
