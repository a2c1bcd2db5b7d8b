"""What is reviewed: a dataset with what `correct` wrote into it, or the dataset of an audit."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.audited import Audit
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.given import require_given_labels
from alcseg.data.layout import GIVEN
from alcseg.data.nifti import read_image, read_label, read_map
from alcseg.errors import DataError
from alcseg.listing import has_file
from alcseg.records.audit import AuditRecord
from alcseg.records.base import by_case
from alcseg.records.cases import CaseRow
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow
from alcseg.types import FloatArray, LabelMap

__all__ = ["QueueItem", "Subject"]


@dataclass(frozen=True)
class QueueItem:
    """A case in the order of review.

    Attributes:
        case_id: The case.
        quality: Of its label.
        split: Where it belongs.
        error: Expected error of the given label, 1 - Dice; None where nothing tells.
        kind: Most probable kind of error, or what was written; empty where nothing tells.
        words: What was found, a sentence per class.
    """

    case_id: str
    quality: str
    split: str
    error: float | None = None
    kind: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Subject:
    """A dataset as it is reviewed; `Subject.open` opens one.

    Attributes:
        dataset: The dataset folder.
        queue: Cases to look at, the label with the largest expected error first.
        audit: The audit whose findings are shown, if one was named.
    """

    dataset: Dataset
    queue: tuple[QueueItem, ...]
    audit: Audit | None = None

    @classmethod
    def open(
        cls, target: "str | os.PathLike[str] | Dataset | Audit", dataset: "Dataset | None" = None
    ) -> "Subject":
        """Open a dataset, the folder that `correct` wrote, or an audit.

        Args:
            target: The folder.
            dataset: The dataset of an audit, where it has moved.

        Raises:
            DataError: If it is neither, the dataset of an audit is not where it was, or a label that
                `correct` has kept is gone.
        """
        if isinstance(target, Audit) or has_file(AuditRecord.path(Path(target))):
            audit = Audit.open(target)
            source = Dataset.open(dataset or _dataset_of(audit))
            return cls(source, _audited(source, audit), audit)
        source = Dataset.open(target)
        require_given_labels(source)
        return cls(source, _corrected(source) if has_file(RankingRow.path(source.root)) else _plain(source))

    @property
    def title(self) -> str:
        """Name of the folder that is reviewed: of the audit, else of the dataset."""
        return (self.dataset.root if self.audit is None else self.audit.path).absolute().name

    def given(self, case_id: str) -> Volume | None:
        """The label as it came; None where there is none."""
        kept = self._kept(case_id)
        if has_file(kept):
            return self.dataset.read_label_file(kept)
        if self._pseudo_labeled(case_id) or self.dataset.label_path(case_id) is None:
            return None
        return self.dataset.read_label(case_id)

    def proposed(self, case_id: str, given: LabelMap | None) -> LabelMap | None:
        """Label values `(X, Y, Z)` that a correction or an audit proposes; None where nothing does."""
        if self.audit is not None:
            return None if given is None else self._mended(self.audit, case_id, given)
        if has_file(self._kept(case_id)) or self._pseudo_labeled(case_id):
            return self.dataset.read_label(case_id).array
        return None

    def uncertainty(self, case_id: str) -> FloatArray | None:
        """Uncertainty per voxel `(X, Y, Z)`, in nats; None where there is no map."""
        path = self.dataset.root / "uncertainty" / f"{case_id}.nii.gz"
        if not has_file(path):
            return None
        return read_map(path)

    def image(self, case_id: str) -> Volume:
        """The first channel of a case."""
        return read_image(self.dataset.image_paths(case_id)[0])

    def _kept(self, case_id: str) -> Path:
        """Where `correct` keeps the label as it came."""
        return self.dataset.root / GIVEN / f"{case_id}{self.dataset.file_ending}"

    def _mended(self, audit: Audit, case_id: str, given: LabelMap) -> LabelMap | None:
        """The given label with what an audit found missing added and what it found too much taken away."""
        maps = {}
        for what in ("missing", "extra"):
            path = audit.path / what / f"{case_id}{self.dataset.file_ending}"
            if not has_file(path):
                return None
            maps[what] = read_label(path).array
            if maps[what].shape != given.shape:
                raise DataError(
                    f"{path}: expected shape {given.shape}, found {maps[what].shape}. Audit again."
                )
        return np.where(maps["missing"] > 0, maps["missing"], np.where(maps["extra"] > 0, 0, given))

    def _pseudo_labeled(self, case_id: str) -> bool:
        """Whether the label of a case was made by `correct` alone."""
        return self.dataset.row(case_id).quality == "unlabeled"


def _dataset_of(audit: Audit) -> Path:
    """Where the dataset of an audit lies, from here or from beside the audit."""
    named = Path(audit.record.dataset)
    for path in (named, audit.path / named, audit.path.parent / named.name):
        if path.is_dir():
            return path
    raise DataError(f"{audit.path}: expected its dataset {named}, found none there. Name it with --dataset.")


def _plain(source: Dataset) -> tuple[QueueItem, ...]:
    """Doubtful labels first, in the order of the table."""
    items = [_item(row) for row in source.rows if source.label_path(row.case_id) is not None]
    return tuple(sorted(items, key=lambda item: item.quality != "lq"))


def _corrected(source: Dataset) -> tuple[QueueItem, ...]:
    """By the expected error of the given label; cases that were not looked at come last."""
    written: dict[str, Any] = (
        by_case(OffsetRow.read(source.root)) if has_file(OffsetRow.path(source.root)) else {}
    )
    ranked = by_case(RankingRow.read(source.root))
    known = {row.case_id: row for row in source.rows}
    items = []
    for case_id, rows in sorted(ranked.items(), key=lambda item: item[1][0].rank):
        if case_id not in known:
            continue
        errors = [row.given_error for row in rows if np.isfinite(row.given_error)]
        kind = written[case_id][0].label if case_id in written else ""
        words = tuple(f"{row.class_name}: {row.reason}" for row in rows)
        items.append(_item(known[case_id], float(np.mean(errors)) if errors else None, kind, words))
    rest = [_item(row) for row in source.rows if row.case_id not in ranked and source.label_path(row.case_id)]
    return tuple(items + rest)


def _audited(source: Dataset, audit: Audit) -> tuple[QueueItem, ...]:
    """By the rank of the audit."""
    known = {row.case_id: row for row in source.rows}
    items = []
    for case_id, rows in by_case(audit.ranking).items():
        if case_id not in known:
            raise DataError(
                f"{audit.path}: expected cases of {source.root}, found '{case_id}'. Name the dataset that "
                "was audited with --dataset."
            )
        worst = min(rows, key=lambda row: row.dice)
        error = 1 - float(np.mean([row.dice for row in rows]))
        items.append(_item(known[case_id], error, worst.kind, tuple(row.words for row in rows)))
    return tuple(items)


def _item(row: CaseRow, error: float | None = None, kind: str = "", words: tuple[str, ...] = ()) -> QueueItem:
    return QueueItem(row.case_id, row.quality, row.split, error, kind, words)
