"""One run of a benchmark: train, predict, evaluate, record; what is done is not done again.

A run is the folder of `alcseg train` with `pred/` and `eval/` on the test cases, `lq-pred/` and `lq-eval/` on
the LQ training cases, `corrected/` and `corrected-eval/`, `pseudo_labels.csv`, each where the plan asks for
it, and `record.json`, written last. All of them are written whole or not at all, so a run that was stopped
anywhere goes on from its last finished part.
"""

import csv
import logging
import os
import shutil
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from alcseg.benchmark.datasets import DatasetPaths
from alcseg.benchmark.plan import BenchmarkPlan, Run
from alcseg.benchmark.pseudo_labels import write_pseudo_labels
from alcseg.commands.correct import correct
from alcseg.commands.evaluate import evaluate
from alcseg.commands.predict import predict
from alcseg.commands.train import train
from alcseg.data.folder import DatasetFolder
from alcseg.errors import AlcsegError, ConfigError, DataError, UsageError
from alcseg.files import read_json, write_json, write_text
from alcseg.inference.load import build_method
from alcseg.machine import commit, peak_memory_mib, processor, timestamp
from alcseg.records.cases import CaseRow
from alcseg.run import Run as TrainedRun

__all__ = ["RunPaths", "State", "execute", "fail", "find_state"]

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
    run: Run

    @property
    def root(self) -> Path:
        """Its folder, the run folder of `alcseg train`."""
        return self.out / "runs" / self.run.dataset.name / self.run.row.row / f"seed-{self.run.seed}"

    @property
    def record(self) -> Path:
        """Written last."""
        return self.root / "record.json"

    @property
    def trace(self) -> Path:
        """Where an error arose."""
        return self.root / "error.txt"

    @property
    def data(self) -> DatasetPaths:
        """The dataset it belongs to."""
        return DatasetPaths(self.out, self.run.dataset)


def find_state(paths: RunPaths, plan: BenchmarkPlan) -> State:
    """How far a run is: `done`, `failed`, `begun` or `open`.

    Raises:
        ConfigError: If it was done with other settings than the plan's.
    """
    if not paths.record.is_file():
        return "begun" if (paths.root / "config.yaml").is_file() else "open"
    record = read_json(paths.record)
    if record["status"] != "done":
        return "failed"
    wanted = _identity(paths.run, plan)
    for key, value in wanted.items():
        if record.get(key) != value:
            raise ConfigError(
                f"{paths.root}: done with {key}={record.get(key)}, the plan has {value}. "
                "Give the row another name, choose another --out folder, or remove this run."
            )
    return "done" if all(part.is_file() for part in _results(paths, plan)) else "begun"


def execute(
    plan: BenchmarkPlan, run: Run, out: Path, *, device: str = "auto", workers: int = 0
) -> dict[str, Any]:
    """Do what is left of a run.

    Args:
        plan: The benchmark.
        run: One of its runs.
        out: Folder of the benchmark.
        device: `auto`, `cpu`, `cuda` or `cuda:<i>`.
        workers: Processes that read patches.

    Returns:
        The content of `record.json`; of status `failed` where an error ended the run.

    Raises:
        KeyboardInterrupt: If the run was asked to stop; it goes on later.
        UsageError: If another process is at it.
    """
    paths = RunPaths(out, run)
    with _alone(paths):
        if find_state(paths, plan) == "done":
            done: dict[str, Any] = read_json(paths.record)
            return done
        paths.record.unlink(missing_ok=True)
        paths.trace.unlink(missing_ok=True)
        if paths.root.is_dir() and not (paths.root / "config.yaml").is_file():
            shutil.rmtree(paths.root)  # never began to train; `train` wants an empty folder
        try:
            _train(paths, device, workers)
            _predict_and_score(paths, plan, device)
            record = _record(paths, plan)
        except Exception as error:  # noqa: BLE001 - whatever ends a run is recorded, the other runs go on
            return fail(paths, plan, error)
        write_json(paths.record, record)
        return record


def fail(paths: RunPaths, plan: BenchmarkPlan, error: BaseException) -> dict[str, Any]:
    """Record that a run failed; the next call tries again."""
    message = f"{type(error).__name__}: {' '.join(str(error).split())}"
    record = _identity(paths.run, plan) | {
        "title": paths.run.row.title,
        "status": "failed",
        "error": message,
        "commit": commit(),
        "finished": timestamp(),
    }
    if error.__traceback__ is not None and not isinstance(error, AlcsegError):
        write_text(paths.trace, "".join(traceback.format_exception(error)))
    write_json(paths.record, record)
    return record


def _train(paths: RunPaths, device: str, workers: int) -> None:
    root, run = paths.root, paths.run
    if (root / "run.json").is_file() and TrainedRun.open(root).finished:
        return
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    folder = train(
        paths.data.training(run.row),
        out=root,
        method=run.row.method,
        preset=run.dataset.preset,
        seed=run.seed,
        device=device,
        workers=workers,
        # One cache for all runs; it may be removed when they are done.
        set=[*run.assignments, f"data.cache={paths.out / '.cache'}"],
    )
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        peak = round(torch.cuda.max_memory_allocated() / 2**20, 1)
        hardware = torch.cuda.get_device_name()
        seen = {"peak_gpu_memory_mib": peak, "gpu": hardware}
        folder.record.model_copy(update=seen).write(folder.path)


def _predict_and_score(paths: RunPaths, plan: BenchmarkPlan, device: str) -> None:
    """Everything that comes after the training, as far as the plan asks for it."""
    root, data = paths.root, paths.data
    folder = DatasetFolder.open(data.given)
    split = plan.evaluate.split
    _predict(paths, plan, folder, folder.select(split=split), "pred", device)
    truth = data.given / ("labelsTs" if split == "test" else "labelsTr")
    _score(paths, plan, root / "pred", truth, "eval", split=split)
    if not plan.lq_labels and not _corrects(paths, plan) and not _asks_snapshots(paths, plan):
        return
    lq = folder.select(split="train", quality="lq")
    clean = data.clean_labels
    if plan.lq_labels:
        _predict(paths, plan, folder, lq, "lq-pred", device)
        _score(paths, plan, root / "lq-pred", clean, "lq-eval", quality="lq")
    if _corrects(paths, plan):
        if not (root / "corrected" / "correct.json").is_file():
            correct(root, data.given, out=root / "corrected", device=device, overwrite=True)
        _score(paths, plan, root / "corrected" / "labelsTr", clean, "corrected-eval", quality="lq")
    if _asks_snapshots(paths, plan) and not (root / "pseudo_labels.csv").is_file():
        write_pseudo_labels(TrainedRun.open(root), folder, clean, root / "pseudo_labels.csv", device=device)


def _predict(
    paths: RunPaths,
    plan: BenchmarkPlan,
    folder: DatasetFolder,
    rows: Sequence[CaseRow],
    name: str,
    device: str,
) -> None:
    target = paths.root / name
    if (target / "predict.json").is_file() and not _failed_cases(target):
        return
    images = [folder.image_paths(row.case_id)[0] for row in rows]
    result = predict(
        paths.root, images, out=target, window=plan.evaluate.window, device=device, overwrite=True
    )
    if result.failed:
        case_id, message = next(iter(result.failed.items()))
        raise DataError(
            f"{len(result.failed)} of {len(rows)} cases failed; the first, '{case_id}': {message}"
        )


def _failed_cases(folder: Path) -> list[str]:
    cases = read_json(folder / "predict.json")["cases"]
    return [case_id for case_id, entry in cases.items() if entry["status"] != "ok"]


def _score(
    paths: RunPaths,
    plan: BenchmarkPlan,
    pred: Path,
    truth: Path,
    name: str,
    *,
    split: str = "train",
    quality: str | None = None,
) -> None:
    if (paths.root / name / "summary.json").is_file():
        return
    evaluate(
        pred,
        truth,
        out=paths.root / name,
        protocol=plan.evaluate.protocol,
        dataset=paths.data.given,
        split=split,
        quality=quality,
        overwrite=True,
    )


def _corrects(paths: RunPaths, plan: BenchmarkPlan) -> bool:
    return paths.run.row.row in plan.correct


def _asks_snapshots(paths: RunPaths, plan: BenchmarkPlan) -> bool:
    return paths.run.row.row in plan.pseudo_labels


def _results(paths: RunPaths, plan: BenchmarkPlan) -> list[Path]:
    """The files that a finished run has, each the last of its part."""
    names = ["eval/summary.json"]
    names += ["lq-eval/summary.json"] if plan.lq_labels else []
    names += ["corrected-eval/summary.json"] if _corrects(paths, plan) else []
    names += ["pseudo_labels.csv"] if _asks_snapshots(paths, plan) else []
    return [paths.root / name for name in names]


def _identity(run: Run, plan: BenchmarkPlan) -> dict[str, Any]:
    """What makes a run this one and no other; kept in its record."""
    return {
        "dataset": run.dataset.name,
        "row": run.row.row,
        "method": run.row.method,
        "labels": run.row.labels,
        "preset": run.dataset.preset,
        "settings": {key: _listed(value) for key, value in run.settings.items()},
        "seed": run.seed,
        "protocol": plan.evaluate.protocol,
        "window": plan.evaluate.window,
        "split": plan.evaluate.split,
    }


def _record(paths: RunPaths, plan: BenchmarkPlan) -> dict[str, Any]:
    """The content of `record.json`; everything is read back from the run folder."""
    folder = TrainedRun.open(paths.root)
    trained = folder.record
    data = DatasetFolder.open(paths.data.given)
    rows = [folder.at_stage(name) for name in folder.stage_names] + [folder]
    ends = [_read_rows(stage.metrics_path)[-1] for stage in rows]
    validated = [row["val_dice"] for row in _read_rows(folder.metrics_path) if row.get("val_dice")]
    networks = build_method(folder.settings, folder.plan)
    return _identity(paths.run, plan) | {
        "title": paths.run.row.title,
        "hq_cases": len(data.select(split="train", quality="hq")),
        "lq_cases": len(data.select(split="train", quality="lq")),
        "test_cases": len(data.select(split=plan.evaluate.split)),
        "status": "done",
        "error": None,
        "commit": trained.commit,
        "hardware": trained.gpu or trained.processor or processor(),
        "device": trained.device,
        "threads": torch.get_num_threads(),
        "started": trained.started,
        "finished": timestamp(),
        "train_s": round(sum(float(row["time_s"]) for row in ends), 1),
        "predict_s": read_json(paths.root / "pred" / "predict.json")["time_s"],
        "peak_memory_mib": trained.peak_memory_mib or peak_memory_mib(),
        "peak_gpu_memory_mib": trained.peak_gpu_memory_mib,
        "steps": sum(int(row["step"]) for row in ends),
        "parameters": sum(p.numel() for p in networks.parameters() if p.requires_grad),
        "validation_dice": float(validated[-1]) if validated else None,
    }


def _read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def _listed(value: Any) -> Any:
    """As JSON keeps it."""
    return [_listed(item) for item in value] if isinstance(value, list | tuple) else value


@contextmanager
def _alone(paths: RunPaths) -> Iterator[None]:
    """Hold the lock of a run; the system gives it back when the process ends, however it ends.

    Raises:
        UsageError: If another process holds it.
    """
    if os.name == "nt":  # no such locks; two calls at once are the user's to avoid
        yield
        return
    import fcntl

    lock = paths.root.parent / f".{paths.root.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"run {paths.run.id}: another process is at it. Wait until it has ended, or stop it."
            ) from None
        yield
