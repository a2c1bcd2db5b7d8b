"""Who judges the cases of an audit: networks that were not trained on them, or a given run."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from alcseg.commands._seen import Asked, ask
from alcseg.commands.progress import track
from alcseg.config import resolve
from alcseg.data.folder import Dataset
from alcseg.errors import AlcsegError, ConfigError, DataError, UsageError
from alcseg.files import file_hash
from alcseg.inference.device import pick_device
from alcseg.launching import Job, Launcher, LocalLauncher
from alcseg.launching.cores import Share, begun_threads, share_cores, with_threads
from alcseg.launching.local import threads_of_each
from alcseg.records.cases import CaseRow
from alcseg.records.settings import RunSettings
from alcseg.run import Run
from alcseg.training.estimate import Estimate, estimate_cost
from alcseg.training.fit import fit
from alcseg.training.prepare import Prepared, complete_settings, prepare
from alcseg.types import EngineName
from alcseg.words import shorten

__all__ = ["ByRun", "Fold", "OutOfFold"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ByRun:
    """A run that is there already answers for all cases, also for those that it was trained on.

    Attributes:
        source: The dataset.
        rows: Its labeled cases.
        run: The run.
        root: Where predictions are kept.
        device: Where it answers.
        engine: Computes what it answers.
    """

    source: Dataset
    rows: Sequence[CaseRow]
    run: Run
    root: Path
    device: str
    engine: EngineName = "auto"

    @property
    def fold_of(self) -> Mapping[str, int]:
        """All in one."""
        return {row.case_id: 0 for row in self.rows}

    def predict(self, number: int, left_out: frozenset[str]) -> Asked:
        """All cases; there is one round, and nothing is left out."""
        self.source.require_labels(self.run.plan.labels, self.run.path)
        weights = " ".join(file_hash(path) for path in sorted(self.run.stage_path.glob("*.safetensors")))
        folder = self.root / hashlib.sha256(weights.encode()).hexdigest()[:16]  # another run answers anew
        return ask(self.source, self.run, self.rows, folder, self.device, self.engine).require_some(
            self.source
        )


@dataclass(frozen=True, eq=False)
class Fold:
    """A part of the set: a network is trained without it, and asked about it. It can be pickled.

    Attributes:
        name: For messages.
        source: The dataset.
        train: Cases to train on.
        own: Cases of the fold.
        settings: Of the training.
        root: Folder of the run and its predictions.
        workers: Processes that read patches.
        engine: Computes what the network says.
    """

    name: str
    source: Dataset
    train: tuple[CaseRow, ...]
    own: tuple[CaseRow, ...]
    settings: RunSettings
    root: Path
    workers: int
    engine: EngineName = "auto"

    @property
    def run(self) -> Run:
        """The training, begun or not."""
        return Run(self.root / "run")

    @property
    def seen_by_network(self) -> Dataset:
        """The dataset without the fold."""
        return replace(self.source, rows=self.train)

    def work(self, device: str) -> None:
        """Train the network and let it predict the fold."""
        logger.info("training without %s", self.name)
        fit(
            self.seen_by_network,
            self.settings,
            self.run.path,
            device=device,
            workers=self.workers,
            track=lambda rows: track(rows, "Caching cases"),
            # A training that was killed before it began left a folder that tells nothing.
            overwrite=not self.run.config_path.is_file(),
        )
        self.ask(device)

    def ask(self, device: str) -> Asked:
        """What the network says of the fold."""
        return ask(self.source, self.run, self.own, self.root / "cases", device, self.engine)

    def require_same(self) -> None:
        """Refuse the network of another audit, which may have learned what it should judge.

        Raises:
            ConfigError: If it was trained with other settings.
            UsageError: If it was trained on a case of the fold.
        """
        held = self.run.settings.dotted
        for name, value in self.settings.dotted.items():
            settled_by_machine = value in (None, "auto")
            if name != "data.cache" and not settled_by_machine and held.get(name) != value:
                raise ConfigError(
                    f"{self.run.path}: holds a run with {name}={held.get(name)}, asked for {value}. Give the "
                    "same options to go on with the audit, or another --out folder."
                )
        learned = self.run.learned_from(self.train) & {row.case_id for row in self.own}
        if learned:
            raise UsageError(
                f"{self.run.path}: expected a network that never saw {self.name}, found one that was trained "
                f"on {shorten(sorted(learned))}: the folder holds an audit with other folds. Give the same "
                "--folds and groups to go on with it, or another --out folder."
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
        device: Where this process predicts.
        workers: Processes that read patches.
        launcher: Where trainings run; None: side by side on the cores of this machine.
        engine: Computes what the networks say.
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
    launcher: Launcher | None
    engine: EngineName = "auto"

    def predict(self, number: int, left_out: frozenset[str]) -> Asked:
        """All cases of a round.

        Args:
            number: Of the round; its runs and predictions stand in a folder of their own.
            left_out: Cases that no network is trained on.
        """
        folds = self._folds(self.root / f"round-{number}", left_out)
        for fold in folds:
            if fold.run.finished:
                fold.require_same()
        self._train([fold for fold in folds if not fold.run.finished])
        found = Asked({}, {})
        for fold in folds:
            found |= fold.ask(self.device)
        return found.require_some(self.source)

    def _folds(self, root: Path, left_out: frozenset[str]) -> list[Fold]:
        numbers = sorted(set(self.fold_of.values()))
        folds = []
        for number in numbers:
            name = f"fold {number + 1} of {len(numbers)} ({root.name})"
            train = tuple(
                row.model_copy(update={"quality": "lq", "split": "train"})
                for row in self.rows
                if self.fold_of[row.case_id] != number and row.case_id not in left_out
            )
            if not train:
                raise DataError(
                    f"{self.source.root}: no label is left to train on without {name}. Use fewer --rounds."
                )
            settings = resolve(
                self.method,
                preset="audit",
                assignments=[f"trainer.steps={self.steps}", *self.assignments],
                seed=self.seed + number,
            )
            own = tuple(row for row in self.rows if self.fold_of[row.case_id] == number)
            place = root / f"fold-{number}"
            folds.append(Fold(name, self.source, train, own, settings, place, self.workers, self.engine))
        return folds

    def _train(self, folds: Sequence[Fold]) -> None:
        """Have the networks trained that are missing.

        Raises:
            AlcsegError: Of the first training that failed, after all others have ended.
        """
        if not folds:
            return
        launcher = self._share_cores(folds) if self.launcher is None else self.launcher
        if isinstance(self.launcher, LocalLauncher) and not folds[0].run.config_path.is_file():
            jobs = self.launcher.side_by_side
            here = Share(1, torch.get_num_threads())
            share = Share(min(jobs, len(folds)), threads_of_each(jobs)) if jobs else here
            _tell_cost(self._prepared(folds[0]), len(folds), share)
        failed: list[AlcsegError] = []

        def ended(job: Job, error: AlcsegError | None) -> None:
            if error is None:
                logger.info("trained without %s", job.name)
            else:
                logger.warning("training without %s failed: %s", job.name, error)
                failed.append(error)

        launcher.launch([Job(fold.name, fold.work) for fold in folds], ended)
        if failed:
            raise failed[0]

    def _share_cores(self, folds: Sequence[Fold]) -> Launcher:
        """A launcher of so many trainings side by side as pay; says how long they will take."""
        begun = begun_threads(Run(path) for path in self.root.glob("round-*/fold-*/run"))
        ready = self._prepared(folds[0])
        share = share_cores(len(folds), _cost(ready, torch.get_num_threads()).memory_gib, begun)
        _tell_cost(ready, len(folds), share)
        return LocalLauncher(self.device, share.jobs, share.threads)

    def _prepared(self, fold: Fold) -> Prepared:
        """A training that is only measured."""
        where = pick_device(self.device)
        return prepare(fold.seen_by_network, complete_settings(fold.settings, where), where)


def _tell_cost(ready: Prepared, count: int, share: Share) -> None:
    """How long the trainings of a round will take, measured before the first of them begins."""
    hours = _cost(ready, share.threads).hours * -(-count // share.jobs)
    how = "one after the other" if share.jobs == 1 else str(share)
    logger.info(
        "%d trainings of %s steps, about %.0f minutes in all, %s",
        count,
        ready.settings.trainer.steps,
        60 * hours,
        how,
    )


def _cost(ready: Prepared, threads: int) -> Estimate:
    with with_threads(threads):
        return estimate_cost(ready.method, ready.settings, ready.device)
