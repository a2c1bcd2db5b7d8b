"""Predictions of every case by a network that was not trained on it, or by a given run, kept on disk."""

import logging
import multiprocessing
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.auditing.agreement import class_agreements
from alcseg.commands.progress import track
from alcseg.config import resolve
from alcseg.data.folder import Dataset
from alcseg.data.geometry import ModelGrid
from alcseg.data.preprocess import preprocess_label
from alcseg.errors import DataError
from alcseg.files import write_array
from alcseg.inference.device import pick_device
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor, to_label
from alcseg.records.cases import CaseRow
from alcseg.records.plan import Plan
from alcseg.run import Run
from alcseg.training.estimate import estimate_cost
from alcseg.training.fit import fit
from alcseg.training.prepare import Prepared
from alcseg.types import LabelMap, Spacing

__all__ = ["ByRun", "OutOfFold", "OutOfFoldCase", "SeenLabel"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SeenLabel:
    """A given label and what a network says that never saw the case, both on the model grid.

    Attributes:
        probs: Class probabilities, `(K, X, Y, Z)`.
        label: Classes 0..K-1, `(X, Y, Z)`.
        spacing: Voxel size in mm.
    """

    probs: NDArray[np.float32]
    label: NDArray[np.uint8]
    spacing: Spacing


@dataclass(frozen=True, eq=False)
class OutOfFoldCase:
    """One case on disk, read when it is asked for.

    Attributes:
        stem: Path without ending: `.probs.npy` holds the probabilities, `.label.npy` the given label.
        grid: Model grid and the grid of the files.
        plan: Of the network.
    """

    stem: Path
    grid: ModelGrid
    plan: Plan

    def load(self) -> SeenLabel:
        """Read probabilities and label."""
        probs = np.load(f"{self.stem}.probs.npy").astype(np.float32)
        return SeenLabel(probs, *self.given_label())

    def given_label(self) -> tuple[NDArray[np.uint8], Spacing]:
        """The label alone, `(X, Y, Z)`, and its voxel size in mm."""
        label: NDArray[np.uint8] = np.load(f"{self.stem}.label.npy")
        return label, self.grid.spacing

    @property
    def agreement(self) -> tuple[float, ...]:
        """Plain Dice of label and prediction by foreground class; 1 where neither holds it."""
        seen = self.load()
        return class_agreements(seen.probs.argmax(0), seen.label, len(seen.probs))

    def predicted_label(self) -> LabelMap:
        """What the network says, on the grid and in the values of the dataset."""
        return to_label(self.load().probs, self.grid, self.plan.label_values)


@dataclass(frozen=True, eq=False)
class ByRun:
    """A run that is there already answers for all cases, also for those that it was trained on.

    Attributes:
        source: The dataset.
        rows: Its labeled cases.
        run: The run.
        root: Where predictions are kept.
        device: Where it answers.
    """

    source: Dataset
    rows: Sequence[CaseRow]
    run: Run
    root: Path
    device: str

    @property
    def fold_of(self) -> Mapping[str, int]:
        """All in one."""
        return {row.case_id: 0 for row in self.rows}

    def predict(
        self, number: int, left_out: frozenset[str]
    ) -> tuple[dict[str, OutOfFoldCase], dict[str, str]]:
        """All cases, and why some could not be read; there is one round, and nothing is left out."""
        self.source.require_labels(self.run.plan.labels, self.run.path)
        return _require_some(
            self.source, _ask(self.source, self.run, self.rows, self.root / "cases", self.device)
        )


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Trains a network without each fold, and asks it about the fold.

    Attributes:
        source: The dataset.
        rows: Its labeled cases.
        fold_of: Fold of each.
        root: Where runs and predictions are kept.
        method: Of the trainings.
        steps: Of each training.
        assignments: Settings over those of the preset `audit`.
        seed: Of the trainings.
        device: Where they run.
        workers: Processes that read patches.
        jobs: Trainings side by side.
    """

    source: Dataset
    rows: Sequence[CaseRow]
    fold_of: Mapping[str, int]
    root: Path
    method: str
    steps: int
    assignments: tuple[str, ...]
    seed: int
    device: str
    workers: int
    jobs: int = 1

    def predict(
        self, number: int, left_out: frozenset[str]
    ) -> tuple[dict[str, OutOfFoldCase], dict[str, str]]:
        """All cases of a round, and why some could not be read.

        Args:
            number: Of the round; its runs and predictions stand in a folder of their own.
            left_out: Cases that no network is trained on.
        """
        seen: dict[str, OutOfFoldCase] = {}
        failed: dict[str, str] = {}
        root = self.root / f"round-{number}"
        runs = self._train_all(root, left_out)
        for fold, run in runs.items():
            own = [row for row in self.rows if self.fold_of[row.case_id] == fold]
            found = _ask(self.source, run, own, root / f"fold-{fold}" / "cases", self.device)
            seen, failed = seen | found[0], failed | found[1]
        return _require_some(self.source, (seen, failed))

    def _train_all(self, root: Path, left_out: frozenset[str]) -> dict[int, Run]:
        """A run without each fold; `jobs` of them side by side, each with its share of the processor."""
        folds = sorted(set(self.fold_of.values()))
        if self.jobs == 1:
            return {fold: self._train(root, fold, left_out) for fold in folds}
        threads = max(1, (os.cpu_count() or 1) // self.jobs)
        with ProcessPoolExecutor(
            self.jobs, multiprocessing.get_context("spawn"), _alone, (threads,)
        ) as processes:
            waiting = {fold: processes.submit(self._train, root, fold, left_out) for fold in folds}
            return {fold: training.result() for fold, training in waiting.items()}

    def _train(self, root: Path, fold: int, left_out: frozenset[str]) -> Run:
        count = len(set(self.fold_of.values()))
        logger.info("%s: training without fold %d of %d", root.name, fold + 1, count)
        rows = tuple(
            row.model_copy(update={"quality": "lq", "split": "train"})
            for row in self.rows
            if self.fold_of[row.case_id] != fold and row.case_id not in left_out
        )
        if not rows:
            raise DataError(
                f"{self.source.root}: no label is left to train on without fold {fold}. Use fewer --rounds."
            )
        settings = resolve(
            self.method,
            preset="audit",
            assignments=[f"trainer.steps={self.steps}", *self.assignments],
            seed=self.seed + fold,
        )
        return fit(
            replace(self.source, rows=rows),
            settings,
            root / f"fold-{fold}" / "run",
            device=self.device,
            workers=self.workers,
            track=lambda rows: track(rows, "Caching cases"),
            before=partial(_tell, count) if fold == 0 else None,
        )


def _tell(count: int, ready: Prepared) -> None:
    """How long the trainings of a round will take, measured before the first of them begins."""
    cost = estimate_cost(ready.method, ready.settings, ready.device)
    logger.info(
        "%d trainings of %s steps, about %.0f minutes in all one after the other",
        count,
        ready.settings.trainer.steps,
        60 * count * cost.hours,
    )


def _alone(threads: int) -> None:
    """What a process does before its first training."""
    torch.set_num_threads(threads)


def _require_some(
    source: Dataset, found: tuple[dict[str, OutOfFoldCase], dict[str, str]]
) -> tuple[dict[str, OutOfFoldCase], dict[str, str]]:
    """Refuse to go on where no label could be judged."""
    seen, failed = found
    if not seen:
        raise DataError(f"{source.root}: no label could be judged; {next(iter(failed.values()))}")
    return found


def _ask(
    source: Dataset, run: Run, rows: Sequence[CaseRow], folder: Path, device: str
) -> tuple[dict[str, OutOfFoldCase], dict[str, str]]:
    """What the network of a run says of cases, and why some could not be read."""
    seen: dict[str, OutOfFoldCase] = {}
    failed: dict[str, str] = {}
    where = pick_device(device)
    predictor = Predictor(load_networks(run, where).predict, run.plan, where)
    for row in track(rows, "Predicting cases"):
        try:
            seen[row.case_id] = _ask_about(source, predictor, row, folder)
        except DataError as error:
            logger.warning("case '%s' cannot be judged: %s", row.case_id, error)
            failed[row.case_id] = str(error)
    return seen, failed


def _ask_about(source: Dataset, predictor: Predictor, row: CaseRow, folder: Path) -> OutOfFoldCase:
    case = source.read(row.case_id)
    if case.label is None:
        raise DataError(f"case '{row.case_id}': expected a label, found none.")
    prepared = predictor.prepare(case.images)
    found = OutOfFoldCase(folder / row.case_id, prepared.grid, predictor.plan)
    probs = Path(f"{found.stem}.probs.npy")
    if not probs.is_file():
        write_array(probs, predictor.predict(prepared).probs.astype(np.float16))
    # The label anew at every call: it may have been mended since, and is judged by the same networks.
    write_array(Path(f"{found.stem}.label.npy"), preprocess_label(case.label, predictor.plan, prepared.grid))
    return found
