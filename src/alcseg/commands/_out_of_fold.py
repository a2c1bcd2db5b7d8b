"""Predictions of every case by a network that was not trained on it, kept on disk between calls."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.agreement import agreement
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
from alcseg.training.fit import fit
from alcseg.types import LabelMap, Spacing

__all__ = ["OutOfFold", "OutOfFoldCase", "SeenLabel"]

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
        pred = seen.probs.argmax(0)
        classes = range(1, len(seen.probs))
        return tuple(agreement(pred == index, seen.label == index) for index in classes)

    def predicted_label(self) -> LabelMap:
        """What the network says, on the grid and in the values of the dataset."""
        return to_label(self.load().probs, self.grid, self.plan.label_values)


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
        for fold in sorted(set(self.fold_of.values())):
            folder = self.root / f"round-{number}" / f"fold-{fold}"
            logger.info("round %d, fold %d of %d", number, fold + 1, len(set(self.fold_of.values())))
            run = self._train(folder / "run", fold, left_out)
            where = pick_device(self.device)
            predictor = Predictor(load_networks(run, where).predict, run.plan, where)
            own = [row for row in self.rows if self.fold_of[row.case_id] == fold]
            for row in track(own, "Predicting held-out cases"):
                try:
                    seen[row.case_id] = self._predict(predictor, run.plan, row, folder / "cases")
                except DataError as error:
                    logger.warning("case '%s' cannot be judged: %s", row.case_id, error)
                    failed[row.case_id] = str(error)
        if not seen:
            raise DataError(f"{self.source.root}: no label could be judged; {next(iter(failed.values()))}")
        return seen, failed

    def _train(self, out: Path, fold: int, left_out: frozenset[str]) -> Run:
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
            out,
            device=self.device,
            workers=self.workers,
            track=lambda rows: track(rows, "Caching cases"),
        )

    def _predict(self, predictor: Predictor, plan: Plan, row: CaseRow, folder: Path) -> OutOfFoldCase:
        case = self.source.read(row.case_id)
        if case.label is None:
            raise DataError(f"case '{row.case_id}': expected a label, found none.")
        prepared = predictor.prepare(case.images)
        found = OutOfFoldCase(folder / row.case_id, prepared.grid, plan)
        probs = Path(f"{found.stem}.probs.npy")
        if not probs.is_file():
            write_array(probs, predictor.predict(prepared).probs.astype(np.float16))
        # The label anew at every call: it may have been mended since, and is judged by the same networks.
        write_array(Path(f"{found.stem}.label.npy"), preprocess_label(case.label, plan, prepared.grid))
        return found
