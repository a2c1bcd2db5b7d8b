"""What the runs of a plan will cost, before they are begun: time, and room on the disk."""

import functools
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from alcseg.benchmarking.datasets import DatasetPaths, paths_of
from alcseg.benchmarking.plan import resolve_run
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_grid
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.method_costs import MethodCosts
from alcseg.records.plan import Plan
from alcseg.records.settings import ChosenMethod, RunSettings
from alcseg.training.estimate import estimate_cost
from alcseg.training.prepare import complete_settings, plan_run

__all__ = ["PlanCost", "estimate_plan"]

logger = logging.getLogger(__name__)

_CACHE_BYTES = 3  # per voxel of a cached case: float16 image, uint8 label
_SOURCE_FACTOR = 2.5  # dataset folder and cache, in sizes of the source
_MANY = 1_000_000  # steps, so that hours rounded to two digits still tell a step
_RUN_COPIES = 3  # of the networks in a run: weights, and weights and momentum in the checkpoint


@dataclass
class PlanCost:
    """Expected cost of what is left of a plan.

    Attributes:
        hours: Of each run, while it has the machine for itself; without prediction and scoring.
        total_hours: Of all that could be estimated.
        disk_gib: Room that datasets, cache and runs will take.
        free_gib: Room there is.
        not_estimated: Runs whose patch is planned from a dataset that is not made yet.
        left_out: What the numbers do not hold, a sentence each.
    """

    hours: dict[str, float] = field(default_factory=dict)
    total_hours: float = 0.0
    disk_gib: float = 0.0
    free_gib: float = 0.0
    not_estimated: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def estimate_plan(
    plan: BenchmarkPlan, runs: Sequence[PlannedRun], sources: Sequence[Path], out: Path, device: str
) -> PlanCost:
    """Estimate the cost of some runs; what cannot be known yet is said in `left_out`.

    One step of `hl_sup` is measured per network and patch; other methods follow by the ratios of
    `alcseg methods`, or are measured themselves where none is known.

    Args:
        plan: The benchmark.
        runs: Those of its runs that are left.
        sources: Folders that datasets will be imported from, as far as they were named.
        out: Folder of the benchmark.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
    """
    chosen = pick_device(device)
    cost = PlanCost()
    measured: dict[str, float] = {}
    ratios = MethodCosts.shipped().cost
    run_bytes = 0
    opened = functools.cache(Dataset.open)  # by many runs
    known: dict[tuple[str, str], tuple[float, int] | None] = {}  # seeds do not matter
    for run in track(runs, "Estimating runs"):
        key = run.dataset, run.row.row
        if key not in known:
            settings = complete_settings(resolve_run(run), chosen)
            voxels = _plan(run, settings, out, opened)
            known[key] = None
            if voxels is not None:
                hours = round(_hours(settings, voxels, chosen, ratios, measured), 3)
                known[key] = hours, _run_bytes(settings, voxels)
        one = known[key]
        if one is None:
            cost.not_estimated.append(run.id)
            continue
        cost.hours[run.id], its_bytes = one
        run_bytes += its_bytes
    if cost.not_estimated:
        cost.left_out.append(
            f"time of {len(cost.not_estimated)} run(s): no patch is set, and the dataset to plan it from is "
            "not made yet"
        )
    if not sources and any(_is_still_imported(paths) for paths in paths_of(plan, out)):
        cost.left_out.append("room for datasets and cache: --data is not given")
    cost.total_hours = round(sum(cost.hours.values()), 2)
    cost.disk_gib = round((run_bytes + _data_bytes(plan, sources, out)) / 2**30, 2)
    place = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    cost.free_gib = round(shutil.disk_usage(place).free / 2**30, 2)
    return cost


def _plan(
    run: PlannedRun, settings: RunSettings, out: Path, opened: Callable[[Path], Dataset]
) -> Plan | None:
    """The plan of a run, or one with its patch where the dataset is not there yet."""
    paths = DatasetPaths(out, run.dataset, run.spec)
    if paths.made:
        return plan_run(opened(paths.training(run.row)), settings)
    if settings.data.patch is None:
        return None
    names = ("background", "foreground")
    return Plan(
        spacing=(1.0, 1.0, 1.0),
        patch=settings.data.patch,
        normalization="zscore",
        clip=None,
        label_values=(0, 1),
        label_names=names,
        channel_names=("image",),
    )


def _hours(
    settings: RunSettings,
    plan: Plan,
    device: torch.device,
    ratios: dict[str, float],
    measured: dict[str, float],
) -> float:
    """Hours of a run, by a measurement that equal ones share."""
    ratio = ratios.get(settings.method.name)
    base = settings
    if ratio is not None and "hl_sup" in ratios:
        base = settings.model_copy(update={"method": ChosenMethod(name="hl_sup")})
    else:
        ratio = 1.0
    trainer = base.trainer
    parts = [part.model_dump() for part in (base.method, base.network, base.data)]
    key = json.dumps([*parts, trainer.precision, plan.patch])
    if key not in measured:
        logger.info("measuring a step of %s", base.method.name)
        one = base.model_copy(update={"trainer": trainer.model_copy(update={"steps": _MANY})})
        cost = estimate_cost(build_method(one, plan), one, device)
        measured[key] = cost.hours / _MANY  # the stages of the method included
    return ratio * measured[key] * (settings.trainer.steps or 0)


def _run_bytes(settings: RunSettings, plan: Plan) -> int:
    state = build_method(settings, plan).state_dict().values()
    weights: int = sum(tensor.numel() * tensor.element_size() for tensor in state)
    every, steps = settings.trainer.snapshot_every, settings.trainer.steps or 0
    return weights * (_RUN_COPIES + (steps // every if every else 0))


def _data_bytes(plan: BenchmarkPlan, sources: Sequence[Path], out: Path) -> int:
    """Room for datasets and cache that are not there yet."""
    stored = sum(path.stat().st_size for source in sources for path in source.rglob("*") if path.is_file())
    total = 0.0
    for paths in paths_of(plan, out):
        if paths.made:
            folder = Dataset.open(paths.given)
            train = [row for row in folder.rows if row.split != "test"]
            shapes = [read_grid(folder.image_paths(row.case_id)[0])[0] for row in train]
            total += _CACHE_BYTES * sum(int(np.prod(shape)) for shape in shapes)
        elif _is_still_imported(paths):
            total += _SOURCE_FACTOR * stored
    return int(total)


def _is_still_imported(paths: DatasetPaths) -> bool:
    return paths.spec.phantoms is None and not paths.made
