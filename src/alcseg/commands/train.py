"""`alcseg train`: a dataset folder to a run folder."""

import difflib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alcseg.commands.progress import track
from alcseg.config import Settings, resolve
from alcseg.data.folder import DatasetFolder
from alcseg.errors import ConfigError
from alcseg.files import atomic_path
from alcseg.inference.device import pick_device
from alcseg.methods import available_methods
from alcseg.report.figures import training_curves
from alcseg.run_folder import RunFolder
from alcseg.training.estimate import estimate_cost
from alcseg.training.fit import complete_settings, fit, plan_run

__all__ = ["train"]

logger = logging.getLogger(__name__)


def train(
    dataset: Path,
    *,
    out: Path,
    method: str = "alc",
    preset: str | None = None,
    seed: int = 0,
    device: str = "auto",
    workers: int = 0,
    set: Sequence[str] = (),
    config: Path | None = None,
    val_hq: int | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
) -> RunFolder | dict[str, Any]:
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
        overwrite: Start afresh.
        dry_run: Only plan and estimate.

    Returns:
        The run folder; under `dry_run` the plan and its cost.

    Raises:
        ConfigError: If the method or a setting is unknown.
    """
    methods = available_methods()
    if method not in methods:
        near = difflib.get_close_matches(method, methods, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"--method: expected one of {', '.join(methods)}, got '{method}'.{hint}")
    assignments = [*set] if val_hq is None else [*set, f"trainer.val_hq={val_hq}"]
    settings = resolve(
        method, *methods[method], preset=preset, file=config, assignments=assignments, seed=seed
    )
    folder = DatasetFolder.open(dataset)
    if dry_run:
        return _planned(folder, settings, device)
    if preset is None and not (out / "config.yaml").is_file():
        for name, value in _planned(folder, settings, device).items():
            logger.info("%s: %s", name.replace("_", " "), value)
    return fit(
        folder,
        settings,
        out,
        device=device,
        workers=workers,
        overwrite=overwrite,
        track=lambda rows: track(rows, "Caching cases"),
        after=_draw_progress,
    )


def _planned(folder: DatasetFolder, settings: Settings, device: str) -> dict[str, Any]:
    """The plan of a run and what it will cost here."""
    chosen = pick_device(device)
    settings = complete_settings(settings, chosen)
    plan = plan_run(folder, settings)
    cost = estimate_cost(settings, plan, chosen)
    return {
        "spacing_mm": plan.spacing,
        "patch": plan.patch,
        "normalization": plan.normalization,
        "clip": plan.clip,
        "classes": dict(zip(plan.label_names, plan.label_values, strict=True)),
        "hq_batch": settings.data.hq_batch,
        "lq_batch": settings.data.lq_batch,
        "steps": settings.trainer.steps,
        "device": str(chosen),
        "precision": settings.trainer.precision,
        "estimated_seconds_per_step": cost.seconds_per_step,
        "estimated_hours": cost.hours,
        "estimated_memory_gib": cost.memory_gib,
    }


def _draw_progress(run: RunFolder) -> None:
    """`progress.png`: loss terms and validation Dice over the steps."""
    stages = [*run.stage_names, ""]
    curves = {
        f"{run.method} {name}".strip(): path
        for name in stages
        if (path := run.at_stage(name).metrics_path).is_file() and path.read_text().count("\n") > 1
    }
    if not curves:
        return  # stopped before the first row
    figure = training_curves(curves)
    with atomic_path(run.path / "progress.png") as partial:
        figure.savefig(partial, dpi=110, format="png")
