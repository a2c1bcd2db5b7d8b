"""One run of a benchmark: train, predict, evaluate, record; what is done is not done again.

A run is the folder of `alcseg train` with `pred/` and `eval/` on the test cases, `lq-pred/` and `lq-eval/` on
the LQ training cases, `corrected/` and `corrected-eval/`, `pseudo_labels.csv`, each where the plan asks for
it, and `record.json`, written last. All of them are written whole or not at all, so a run that was stopped
anywhere goes on from its last finished part.
"""

import logging
import shutil
import traceback
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import torch

from alcseg.auditing.lessons import FEWEST_CASES
from alcseg.benchmarking.datasets import DatasetPaths
from alcseg.benchmarking.plan import assignments
from alcseg.benchmarking.pseudo_labels import write_pseudo_labels
from alcseg.commands.correct import correct
from alcseg.commands.evaluate import evaluate
from alcseg.commands.predict import predict
from alcseg.commands.train import train
from alcseg.data.folder import Dataset
from alcseg.data.layout import LABELS
from alcseg.data.predicted import Predictions
from alcseg.errors import AlcsegError, ConfigError, DataError
from alcseg.files import write_text
from alcseg.inference.load import build_method
from alcseg.listing import has_file
from alcseg.locks import alone
from alcseg.machine import commit, peak_memory_mib, processor, timestamp
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRun
from alcseg.records.benchmark_run import BenchmarkRecord, RunIdentity
from alcseg.records.cases import Quality, Split
from alcseg.records.correction import CorrectionRecord
from alcseg.records.predictions import PredictionRecord
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.run import RunRecord
from alcseg.records.summary import EvaluationSummary
from alcseg.run import Run

__all__ = ["Found", "RunPaths", "State", "execute", "fail", "failed_record", "find_state"]

logger = logging.getLogger(__name__)

State = Literal["done", "failed", "begun", "open"]


@dataclass(frozen=True)
class RunPaths:
    """Where a run lies.

    Attributes:
        out: Folder of the benchmark.
        run: The run.
    """

    out: Path
    run: PlannedRun

    @property
    def root(self) -> Path:
        """Its folder, the run folder of `alcseg train`."""
        return self.out / "runs" / self.run.id

    @property
    def record(self) -> Path:
        """Written last."""
        return BenchmarkRecord.path(self.root)

    @property
    def trace(self) -> Path:
        """Where an error arose."""
        return self.root / "error.txt"

    @property
    def data(self) -> DatasetPaths:
        """The dataset it belongs to."""
        return DatasetPaths(self.out, self.run.dataset, self.run.spec)


@dataclass(frozen=True)
class Found:
    """How far a run is.

    Attributes:
        state: `done`, `failed`, `begun` or `open`.
        record: Of a run that ended.
    """

    state: State
    record: BenchmarkRecord | None = None


def find_state(paths: RunPaths, plan: BenchmarkPlan) -> Found:
    """How far a run is.

    Raises:
        ConfigError: If it was done with other settings than the plan's.
    """
    if not has_file(paths.record):
        return Found("begun" if _began_to_train(paths) else "open")
    record = BenchmarkRecord.read_file(paths.record)
    if not record.done:
        return Found("failed", record)
    wanted = _identity(paths.run, plan)
    for key in RunIdentity.model_fields:
        done, asked = getattr(record, key), getattr(wanted, key)
        if done != asked:
            raise ConfigError(
                f"{paths.root}: done with {key}={done}, the plan has {asked}. "
                "Give the row another name, choose another --out folder, or remove this run."
            )
    whole = all(has_file(part) for part in _results(paths, plan))
    return Found("done" if whole else "begun", record)


def execute(
    plan: BenchmarkPlan, run: PlannedRun, out: Path, *, device: str = "auto", workers: int = 0
) -> BenchmarkRecord:
    """Do what is left of a run.

    Args:
        plan: The benchmark.
        run: One of its runs.
        out: Folder of the benchmark.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        workers: Processes that read patches.

    Returns:
        What was written as `record.json`; of status `failed` where an error ended the run.

    Raises:
        KeyboardInterrupt: If the run was asked to stop; it goes on later.
        UsageError: If another process is at it.
    """
    paths = RunPaths(out, run)
    with alone(paths.root):
        found = find_state(paths, plan)
        if found.state == "done" and found.record is not None:
            return found.record
        paths.record.unlink(missing_ok=True)
        paths.trace.unlink(missing_ok=True)
        if paths.root.is_dir() and not _began_to_train(paths):
            shutil.rmtree(paths.root)  # `train` wants an empty folder
        try:
            record = _Job(paths, plan, device, workers).run()
        except Exception as error:  # noqa: BLE001 - whatever ends a run is recorded, the other runs go on
            return fail(paths, plan, error)
        record.write(paths.root)
        return record


def fail(paths: RunPaths, plan: BenchmarkPlan, error: BaseException) -> BenchmarkRecord:
    """Record that a run failed; the next call tries again."""
    record = failed_record(paths.run, plan, f"{type(error).__name__}: {' '.join(str(error).split())}")
    if error.__traceback__ is not None and not isinstance(error, AlcsegError):
        write_text(paths.trace, "".join(traceback.format_exception(error)))
    record.write(paths.root)
    return record


def failed_record(run: PlannedRun, plan: BenchmarkPlan, message: str) -> BenchmarkRecord:
    """The record of a run that failed, not written."""
    return BenchmarkRecord(
        **dict(_identity(run, plan)),
        title=run.row.title,
        status="failed",
        error=message,
        commit=commit(),
        finished=timestamp(),
    )


def _began_to_train(paths: RunPaths) -> bool:
    return has_file(Run(paths.root).config_path)


@dataclass(frozen=True)
class _Job:
    """The parts of a run, each done unless its files are there."""

    paths: RunPaths
    plan: BenchmarkPlan
    device: str
    workers: int

    @cached_property
    def dataset(self) -> Dataset:
        """As the methods see it."""
        return Dataset.open(self.paths.data.given)

    def run(self) -> BenchmarkRecord:
        """Everything that the plan asks for."""
        root, data, split = self.paths.root, self.paths.data, self.plan.evaluate.split
        clean = data.clean_labels
        trained = self._train()
        predicted = self._predict(trained, "pred", split=split)
        self._score(predicted, data.given / LABELS[split], "eval", split=split)
        if self.plan.lq_labels:
            labels = self._predict(trained, "lq-pred", split="train", quality="lq")
            self._score(labels, clean, "lq-eval", quality="lq")
        if _corrects(self.paths, self.plan):
            corrected = root / "corrected"
            if not has_file(CorrectionRecord.path(corrected)):
                self._correct(trained, corrected)
            self._score(corrected / "labelsTr", clean, "corrected-eval", quality="lq")
        if _asks_snapshots(self.paths, self.plan) and not has_file(PseudoLabelRow.path(root)):
            write_pseudo_labels(trained, self.dataset, clean, device=self.device)
        return self._record(trained, predicted)

    def _correct(self, trained: Run, out: Path) -> None:
        """Correct the LQ labels; a protocol that holds no trusted label out has them refined throughout."""
        held_out = {row.case_id for row in self.dataset.rows_where(split="val", quality="hq")}
        held_out |= set(trained.record.val_cases)
        options: dict[str, Any] = {} if len(held_out) >= FEWEST_CASES else {"how": "refined", "risk": 1}
        correct(trained, self.dataset, out=out, device=self.device, overwrite=True, **options)

    def _train(self) -> Run:
        root, run = self.paths.root, self.paths.run
        if has_file(RunRecord.path(root)) and (begun := Run.open(root)).finished:
            return begun
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        trained = train(
            self.paths.data.training(run.row) if run.row.upper_bound else self.dataset,
            out=root,
            method=run.row.method,
            preset=run.spec.preset,
            seed=run.seed,
            device=self.device,
            workers=self.workers,
            init=self._first(),
            # One cache for all runs; it may be removed when they are done.
            set=[*assignments(run), f"data.cache={self.paths.out / '.cache'}"],
        )
        if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
            peak = round(torch.cuda.max_memory_allocated() / 2**20, 1)
            measured = {"peak_gpu_memory_mib": peak, "gpu": torch.cuda.get_device_name()}
            trained.record.model_copy(update=measured).write(root)
        return trained

    def _first(self) -> Run | None:
        """The run that it begins with, where the row names one."""
        run = self.paths.run
        if run.row.init is None:
            return None
        place = (run.dataset, run.row.init, run.seed)
        wanted = next(each for each in self.plan.runs if (each.dataset, each.row.row, each.seed) == place)
        first = Run(RunPaths(self.paths.out, wanted).root)
        if not first.finished:
            raise DataError(
                f"expected a finished run {wanted.id} to begin with, found none. Do that one first."
            )
        return first

    def _predict(self, trained: Run, name: str, *, split: str, quality: str | None = None) -> Predictions:
        target = self.paths.root / name
        if has_file(PredictionRecord.path(target)):
            known = Predictions.open(target)
            if not known.failed:
                return known
        rows = self.dataset.rows_where(split=split, quality=quality)
        images = [self.dataset.image_paths(row.case_id)[0] for row in rows]
        window = self.plan.evaluate.window
        found = predict(trained, images, out=target, window=window, device=self.device, overwrite=True)
        if found.failed:
            case_id, message = next(iter(found.failed.items()))
            raise DataError(
                f"{len(found.failed)} of {len(rows)} cases failed; the first, '{case_id}': {message}"
            )
        return found

    def _score(
        self,
        pred: str | PathLike[str],
        truth: Path,
        name: str,
        *,
        split: Split = "train",
        quality: Quality | None = None,
    ) -> None:
        if not has_file(EvaluationSummary.path(self.paths.root / name)):
            evaluate(
                pred,
                truth,
                out=self.paths.root / name,
                protocol=self.plan.evaluate.protocol,
                dataset=self.dataset,
                split=split,
                quality=quality,
                overwrite=True,
            )

    def _record(self, trained: Run, predicted: Predictions) -> BenchmarkRecord:
        """What is known of the run at its end; most is read back from its trained."""
        record = trained.record
        stages = trained.stages
        tables = [stage.metrics for stage in stages]
        ends = [table.last for table in tables if table.last is not None]
        validated = [step.val_dice for step in tables[-1].steps if not isnan(step.val_dice)]
        networks = build_method(trained.settings, trained.plan)
        return BenchmarkRecord(
            **dict(_identity(self.paths.run, self.plan)),
            title=self.paths.run.row.title,
            status="done",
            hq_cases=len(self.dataset.rows_where(split="train", quality="hq")),
            lq_cases=len(self.dataset.rows_where(split="train", quality="lq")),
            test_cases=len(predicted.record.cases),
            commit=record.commit,
            hardware=record.gpu or record.processor or processor(),
            device=record.device,
            threads=torch.get_num_threads(),
            started=record.started,
            finished=timestamp(),
            train_s=round(sum(step.time_s for step in ends), 1),
            predict_s=predicted.record.time_s,
            peak_memory_mib=record.peak_memory_mib or peak_memory_mib(),
            peak_gpu_memory_mib=record.peak_gpu_memory_mib,
            steps=sum(step.step for step in ends),
            parameters=sum(p.numel() for p in networks.parameters() if p.requires_grad),
            validation_dice=validated[-1] if validated else None,
        )


def _corrects(paths: RunPaths, plan: BenchmarkPlan) -> bool:
    return paths.run.row.row in plan.correct


def _asks_snapshots(paths: RunPaths, plan: BenchmarkPlan) -> bool:
    return paths.run.row.row in plan.pseudo_labels


def _results(paths: RunPaths, plan: BenchmarkPlan) -> list[Path]:
    """The files that a finished run has, each the last of its part."""
    names = ["eval"]
    names += ["lq-eval"] if plan.lq_labels else []
    names += ["corrected-eval"] if _corrects(paths, plan) else []
    found = [EvaluationSummary.path(paths.root / name) for name in names]
    return [*found, PseudoLabelRow.path(paths.root)] if _asks_snapshots(paths, plan) else found


def _identity(run: PlannedRun, plan: BenchmarkPlan) -> RunIdentity:
    return RunIdentity(
        dataset=run.dataset,
        row=run.row.row,
        method=run.row.method,
        labels=run.row.labels,
        init=run.row.init,
        preset=run.spec.preset,
        settings=run.settings,
        seed=run.seed,
        protocol=plan.evaluate.protocol,
        window=plan.evaluate.window,
        split=plan.evaluate.split,
    )
