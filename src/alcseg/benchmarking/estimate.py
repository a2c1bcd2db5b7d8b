"""What the runs of a plan will cost, before they are begun: time, and room on the disk."""

import functools
import json
import logging
import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from alcseg.benchmarking.datasets import DatasetPaths, paths_of
from alcseg.benchmarking.plan import resolve_run
from alcseg.benchmarking.run import RunPaths
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_grid
from alcseg.inference.device import pick_device
from alcseg.inference.load import build_method
from alcseg.launching.cores import Share, begun_threads, share_cores, with_threads
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.method_costs import MethodCosts
from alcseg.records.plan import Plan
from alcseg.records.settings import ChosenMethod, RunSettings
from alcseg.run import Run
from alcseg.training.estimate import Estimate, estimate_cost
from alcseg.training.prepare import complete_settings, plan_run

__all__ = ["PlanCost", "estimate_plan", "share_runs"]

logger = logging.getLogger(__name__)

_CACHE_BYTES = 3  # per voxel of a cached case: float16 image, uint8 label
_SOURCE_FACTOR = 2.5  # dataset folder and cache, in sizes of the source
_MANY = 1_000_000  # steps, so that hours rounded to two digits still tell a step
_RUN_COPIES = 3  # of the networks in a run: weights, and weights and momentum in the checkpoint
_MOST_NETWORKS = 3  # that a method trains at once


@dataclass
class PlanCost:
    """Expected cost of what is left of a plan.

    Attributes:
        hours: Of each run by itself, with its threads; without prediction and scoring.
        side_by_side: Runs at once.
        threads: Of each; None where they do not share the cores of this machine.
        total_hours: Of all that could be estimated, so many at once.
        disk_gib: Room that datasets, cache and runs will take.
        free_gib: Room there is.
        not_estimated: Runs whose patch is planned from a dataset that is not made yet.
        left_out: What the numbers do not hold, a sentence each.
    """

    hours: dict[str, float] = field(default_factory=dict)
    side_by_side: int = 1
    threads: int | None = None
    total_hours: float = 0.0
    disk_gib: float = 0.0
    free_gib: float = 0.0
    not_estimated: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def share_runs(plan: BenchmarkPlan, runs: Sequence[PlannedRun], out: Path, device: str) -> Share:
    """How some runs share the cores of this machine.

    Args:
        plan: The benchmark; what was begun of it says with how many threads it goes on.
        runs: Those of its runs that are left. The one with the most voxels in a step, of which memory has to
            hold as many as run side by side, is measured.
        out: Folder of the benchmark.
        device: `auto` or `cpu`.
    """
    chosen, opened = pick_device(device), functools.cache(Dataset.open)
    resolved = {
        (run.dataset, run.row.row): (run, complete_settings(resolve_run(run), chosen)) for run in runs
    }
    planned = [(settings, _plan(run, settings, out, opened)) for run, settings in resolved.values()]
    known = [(settings, plan) for settings, plan in planned if plan is not None]
    gib = 0.0
    if len(runs) > 1 and known:
        largest = max(known, key=lambda one: _step_voxels(*one))
        gib = _MOST_NETWORKS * _measure(_as_baseline(largest[0]), largest[1], chosen).memory_gib
    begun = begun_threads(Run(RunPaths(out, run).root) for run in plan.runs)
    return share_cores(len(runs), gib, begun)


def estimate_plan(
    plan: BenchmarkPlan,
    runs: Sequence[PlannedRun],
    sources: Sequence[Path],
    out: Path,
    device: str,
    share: Share | None = None,
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
        share: How they share the cores; None: one after the other.
    """
    if share is None:
        return _estimate(plan, runs, sources, out, pick_device(device), PlanCost())
    with with_threads(share.threads):
        cost = PlanCost(side_by_side=share.jobs, threads=share.threads)
        return _estimate(plan, runs, sources, out, pick_device(device), cost)


def _estimate(
    plan: BenchmarkPlan,
    runs: Sequence[PlannedRun],
    sources: Sequence[Path],
    out: Path,
    chosen: torch.device,
    cost: PlanCost,
) -> PlanCost:
    """Fill in a cost whose share of the cores is known."""
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
    cost.total_hours = round(sum(cost.hours.values()) / cost.side_by_side, 2)
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
        base = _as_baseline(settings)
    else:
        ratio = 1.0
    trainer = base.trainer
    parts = [part.model_dump() for part in (base.method, base.network, base.data)]
    key = json.dumps([*parts, trainer.precision, plan.patch, plan.flat_levels])
    if key not in measured:
        logger.info("measuring a step of %s", base.method.name)
        measured[key] = _measure(base, plan, device).hours / _MANY  # the stages of the method included
    return ratio * measured[key] * (settings.trainer.steps or 0)


def _as_baseline(settings: RunSettings) -> RunSettings:
    return settings.model_copy(update={"method": ChosenMethod(name="hl_sup")})


def _measure(settings: RunSettings, plan: Plan, device: torch.device) -> Estimate:
    """The cost of very many steps."""
    one = settings.model_copy(update={"trainer": settings.trainer.model_copy(update={"steps": _MANY})})
    return estimate_cost(build_method(one, plan), one, device)


def _step_voxels(settings: RunSettings, plan: Plan) -> int:
    return math.prod(plan.patch) * ((settings.data.hq_batch or 0) + (settings.data.lq_batch or 0))


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
