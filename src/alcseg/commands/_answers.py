"""Who looks at a dataset that is corrected: the network of a run, or those of an audit, each at its fold."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from os import PathLike
from pathlib import Path
from statistics import fmean

import torch
from torch import nn

from alcseg.arrays import values_in
from alcseg.audited import Audit
from alcseg.auditing.agreement import class_agreements
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.incomplete import within_known
from alcseg.data.preprocess import label_and_known
from alcseg.errors import DataError
from alcseg.inference.load import load_networks
from alcseg.inference.predictor import Predictor
from alcseg.listing import has_file
from alcseg.records.audit import AuditRecord
from alcseg.records.cases import CaseRow
from alcseg.records.correction import NetworkName, Perturbation
from alcseg.run import Run
from alcseg.types import EngineName

__all__ = ["Answers", "answers_of_audit", "answers_of_run"]

_TEACHERS = 40  # labels that an audit trusts and a referee learns from; more tell little more


@dataclass(frozen=True, eq=False)
class Answers:
    """Networks, and what each case of a dataset is there for.

    Attributes:
        path: Folder of the run or the audit.
        method: Of the training.
        labels: Name to label value that the networks know.
        perturbation: Of the T passes.
        doubted: Cases whose labels are corrected, and unlabeled ones.
        others: All others.
        trusted: Cases with trusted labels; the network that looks at one has not learned from its group.
        vouched: All cases with trusted labels, also those that were learned from.
        trained: Names of the cases that it has.
        load: Loads the networks; by name, what gives the one that looks at a case.
    """

    path: Path
    method: str
    labels: Mapping[str, int]
    perturbation: Perturbation
    doubted: tuple[CaseRow, ...]
    others: tuple[CaseRow, ...]
    trusted: tuple[CaseRow, ...]
    vouched: tuple[CaseRow, ...]
    trained: frozenset[str]
    load: Callable[[], Mapping[NetworkName, Callable[[str], Predictor]]] = field(repr=False)

    def pick_network(self, source: Dataset) -> tuple[NetworkName, Callable[[str], Predictor]]:
        """That network which agrees best with the trusted labels, for want of them the teacher."""
        networks = self.load()
        if len(networks) == 1 or not self.trusted:
            return next(iter(networks.items()))
        reached = dict.fromkeys(networks, 0.0)
        for row in track(self.trusted, "Choosing the network"):
            try:
                for name, dice in self._agreements(networks, source, row.case_id).items():
                    reached[name] += dice
            except DataError:
                continue  # told of when the case is looked at
        best = max(reached, key=lambda name: reached[name])
        return best, networks[best]

    def unknown_classes(self, source: Dataset, known: Collection[int]) -> dict[str, int]:
        """Foreground classes that no trusted label holds, and their values; none where no label is trusted.

        Args:
            source: The dataset; labels are read until each class is found.
            known: Values that some trusted label is known to hold.
        """
        unknown = {name: value for name, value in list(source.labels.items())[1:] if value not in known}
        for row in self.vouched:
            if not unknown:
                break
            try:
                found = values_in(source.read_label(row.case_id).array)
            except DataError:
                continue  # told of when the case is looked at
            unknown = {name: value for name, value in unknown.items() if value not in found}
        return unknown if self.vouched else {}

    def _agreements(
        self, networks: Mapping[NetworkName, Callable[[str], Predictor]], source: Dataset, case_id: str
    ) -> dict[NetworkName, float]:
        """Mean Dice of each network with the label of a case, which is read and prepared once."""
        case = source.read(case_id)
        predictors = {name: predictor_of(case_id) for name, predictor_of in networks.items()}
        first = next(iter(predictors.values()))
        prepared = first.prepare(case.images)
        if case.label is None:
            return {}
        label, known = label_and_known(case.label, first.plan, prepared.grid)
        undrawn = source.undrawn(case_id)

        def reached(one: Predictor) -> float:
            pred = within_known(one.predict(prepared).probs, known, undrawn).argmax(0)
            by_class = class_agreements(pred, label, one.plan.num_classes)
            return fmean(dice for index, dice in enumerate(by_class, start=1) if index not in undrawn)

        return {name: reached(one) for name, one in predictors.items()}


def answers_of_run(
    run: str | PathLike[str],
    source: Dataset,
    device: torch.device,
    *,
    engine: EngineName = "auto",
    passes: int,
    seed: int,
) -> Answers:
    """Sort the cases of a dataset by what a run has seen of them.

    Raises:
        DataError: If there is none to correct, or the run is an audit.
    """
    if has_file(AuditRecord.path(Path(run))):
        raise DataError(f"{Path(run)}: expected a run folder, found an audit. Correct by it with --oof.")
    folder = Run.open(run)
    source.require_channels(folder.plan.channel_names, folder.path)
    if folder.record.hq_from is not None:
        source = source.trusting({*folder.record.hq_cases, *folder.record.val_cases})
    training = source.rows_where(split="train")
    doubted = tuple(row for row in training if row.quality != "hq")
    if not doubted:
        raise DataError(
            f"{source.root}: expected training cases of quality lq or unlabeled, found none. Set the quality "
            "in cases.csv, or correct all labels by an audit (--oof)."
        )
    trained = folder.learned_from(training)
    known = {row.group for row in source.rows if row.case_id in trained}  # such as patients
    others = tuple(row for row in source.rows if row.split != "train" or row.quality == "hq")

    def load() -> dict[NetworkName, Callable[[str], Predictor]]:
        networks = load_networks(folder, device)
        found: dict[NetworkName, nn.Module | None] = {
            "teacher": networks.teacher,
            "predict": networks.predict,
        }
        return {
            name: partial(_same, Predictor(network, folder.plan, device, engine_name=engine))
            for name, network in found.items()
            if network is not None
        }

    return Answers(
        path=folder.path,
        method=folder.method,
        labels=folder.plan.labels,
        perturbation=Perturbation.like_method(folder.settings.method.settings, passes=passes, seed=seed),
        doubted=doubted,
        others=others,
        trusted=tuple(
            row for row in others if row.quality == "hq" and row.split != "test" and row.group not in known
        ),
        vouched=tuple(row for row in others if row.quality == "hq" and row.split != "test"),
        trained=trained,
        load=load,
    )


def _same(predictor: Predictor, _: str) -> Predictor:
    """One network for whatever case."""
    return predictor


def answers_of_audit(
    audit: str | PathLike[str],
    source: Dataset,
    device: torch.device,
    *,
    engine: EngineName = "auto",
    passes: int,
    seed: int,
) -> Answers:
    """Sort the cases of a dataset by what an audit found.

    Raises:
        DataError: If the audit is of another dataset or has no networks of its own, or there is nothing to
            correct.
    """
    found = Audit.open(audit)
    if found.record.run is not None:
        raise DataError(
            f"{found.path}: expected an audit whose networks never saw the labels, found one by the run "
            f"{found.record.run}. Audit without --run, or train with what it trusts (alcseg train --hq-from) "
            "and correct by that run."
        )
    fold_of = {row.case_id: row.fold for row in found.ranking}
    trusted = set(found.trusted)
    labeled = [row for row in source.rows if row.split != "test" and row.quality != "unlabeled"]
    if strangers := sorted({row.case_id for row in labeled} - fold_of.keys() - found.failed.keys()):
        raise DataError(
            f"{found.path}: expected an audit of {source.root}, but it does not know case '{strangers[0]}' "
            f"({len(strangers)} such). Audit this dataset."
        )
    found.require_same(source)
    training = source.rows_where(split="train")
    some_doubted = any(row.quality == "lq" for row in training)
    doubted = tuple(
        row for row in training if row.case_id not in trusted and (row.quality != "hq" or not some_doubted)
    )
    if not doubted:
        raise DataError(
            f"{source.root}: expected training labels{' of quality lq' if some_doubted else ''} that the "
            f"audit in {found.path} does not trust, found none: there is nothing to correct."
            + (
                " Call those lq in cases.csv that you doubt: labels of quality hq stay."
                if some_doubted
                else ""
            )
        )
    names = {row.case_id for row in doubted}
    teachers = [row for row in labeled if row.case_id in trusted]
    runs = {fold: Run.open(found.run_path(fold)) for fold in sorted(set(fold_of.values()))}

    @cache
    def load(fold: int) -> Predictor:
        network = load_networks(runs[fold], device).predict
        return Predictor(network, runs[fold].plan, device, engine_name=engine)

    first = next(iter(runs.values()))
    source.require_channels(first.plan.channel_names, first.path)
    return Answers(
        path=found.path,
        method=found.record.method,
        labels=first.plan.labels,
        perturbation=Perturbation.like_method(first.settings.method.settings, passes=passes, seed=seed),
        doubted=doubted,
        others=tuple(row for row in source.rows if row.case_id not in names),
        trusted=tuple(teachers[:: -(-len(teachers) // _TEACHERS) or 1]),
        vouched=tuple(teachers),
        trained=frozenset(),
        load=lambda: {"predict": lambda case_id: load(fold_of.get(case_id, min(runs)))},
    )
