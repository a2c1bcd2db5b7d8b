"""What a report reads of a benchmark, without the rest: a few KB per run, to be kept and shared.

A folder of records has the layout of the benchmark's own, so `alcseg report` reads either. It holds the plan,
of each dataset how its labels were spoiled, of each finished run its record, settings, scores and learning
curve. Data, weights and predictions are left out, and so are folders of the machine.
"""

import shutil
from math import isnan
from pathlib import Path

from alcseg.benchmarking.datasets import DatasetPaths
from alcseg.benchmarking.run import RunPaths
from alcseg.evaluation import Evaluation
from alcseg.files import atomic_path, make_folder
from alcseg.listing import has_file
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.noise import NoiseManifest
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.scores import ScoreRow
from alcseg.records.steps import StepTable
from alcseg.records.summary import EvaluationSummary
from alcseg.run import Run

__all__ = ["keep_curve", "keep_plan", "keep_run"]

LINES = 60
"""Of a learning curve, beside those that were validated."""


def keep_plan(plan: BenchmarkPlan, to: Path) -> None:
    """Write the plan into a folder of records.

    Args:
        plan: The whole one.
        to: The folder; made where it is not there.
    """
    make_folder(to)
    plan.write(to)


def keep_run(run: PlannedRun, out: Path, to: Path) -> None:
    """Copy what tells of a finished run and of its dataset.

    Args:
        run: One that is done.
        out: Folder of the benchmark.
        to: Folder of the records.
    """
    source, target = RunPaths(out, run), RunPaths(to, run)
    make_folder(target.root)
    _keep_dataset(source.data, target.data)
    for name in (BenchmarkRecord.NAME, PseudoLabelRow.NAME):
        if has_file(source.root / name):
            _copy(source.root / name, target.root / name)
    _keep_settings(source.root, target.root)
    keep_curve(run, out, to)
    _keep_scores(source.root / "eval", target.root / "eval", whole=True)
    for name in ("lq-eval", "corrected-eval"):
        _keep_scores(source.root / name, target.root / name, whole=False)


def keep_curve(run: PlannedRun, out: Path, to: Path) -> None:
    """Copy the learning curve of a run, of one that was stopped as far as it came; nothing where it has none.

    Args:
        run: Any.
        out: Folder of the benchmark.
        to: Folder of the records.
    """
    path = RunPaths(out, run).root / StepTable.NAME
    if not has_file(path):
        return
    table = StepTable.read_file(path)
    every = max(1, len(table.steps) // LINES)
    kept = [
        step
        for number, step in enumerate(table.steps, start=1)
        if number % every == 0 or not isnan(step.val_dice) or step is table.last
    ]
    target = RunPaths(to, run).root
    make_folder(target)
    table.model_copy(update={"steps": tuple(kept)}).write_file(target / StepTable.NAME)


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all, since several machines fill a folder, and a report may be made of it."""
    with atomic_path(target) as partial:
        shutil.copyfile(source, partial)


def _keep_dataset(source: DatasetPaths, target: DatasetPaths) -> None:
    """How its labels were spoiled, and how good they are since."""
    if has_file(NoiseManifest.path(source.given)):
        make_folder(target.given)
        _copy(NoiseManifest.path(source.given), NoiseManifest.path(target.given))
    _keep_scores(source.given_eval, target.given_eval, whole=False)


def _keep_settings(source: Path, target: Path) -> None:
    """All of them; of the cache alone no place."""
    settings = Run(source).settings
    data = settings.data.model_copy(update={"cache": None})
    settings.model_copy(update={"data": data}).write(target)


def _keep_scores(source: Path, target: Path, *, whole: bool) -> None:
    """An evaluation, without the folders that were compared; of labels Dice alone unless `whole`."""
    if not has_file(EvaluationSummary.path(source)):
        return
    found = Evaluation.open(source)
    metrics = [metric for metric in found.summary.units if whole or metric == "dice"]
    summary = found.summary.model_copy(
        update={
            "pred": Path(found.summary.pred).name,
            "truth": Path(found.summary.truth).name,
            "dataset": found.summary.dataset and Path(found.summary.dataset).name,
            "units": {metric: found.summary.units[metric] for metric in metrics},
            "foreground_mean": {metric: found.summary.foreground_mean[metric] for metric in metrics},
            "per_class": {
                name: {metric: values[metric] for metric in metrics}
                for name, values in found.summary.per_class.items()
            },
        }
    )
    make_folder(target)
    summary.write(target)
    ScoreRow.write(target, [row for row in found.scores if row.metric in metrics])
