"""A dataset folder that `alcseg correct` wrote, as an object: what was done, and what to look at first."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alcseg.data.dataset_case import Case
from alcseg.data.folder import Dataset
from alcseg.data.layout import GIVEN
from alcseg.data.nifti import read_map
from alcseg.errors import DataError, UsageError
from alcseg.frames import to_frame
from alcseg.listing import has_file
from alcseg.records.audit_trail import AuditLine, AuditTrail
from alcseg.records.base import by_case
from alcseg.records.correction import Calibration, CorrectionRecord
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow
from alcseg.types import Affine, FloatArray, LabelMap, Spacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["CorrectedCase", "Correction"]


@dataclass(frozen=True)
class Correction:
    """What was corrected; verbs take it in place of the folder.

    `correction["heart_001"]` gives the labels of a case, `for case in correction` goes through the cases that
    were looked at, the worst given label first.

    Attributes:
        path: The folder, a dataset like any other.
        record: Settings and sums of the last round.
        ranking: Which labels to look at first, a row per case and class.
        offsets: How each class of each label was drawn; none in older files.
        audit: What was done to each label, in all rounds.
    """

    path: Path
    record: CorrectionRecord = field(repr=False)
    ranking: tuple[RankingRow, ...] = field(repr=False)
    offsets: tuple[OffsetRow, ...] = field(repr=False)
    audit: tuple[AuditLine, ...] = field(repr=False)

    @classmethod
    def open(cls, path: "str | os.PathLike[str] | Correction") -> "Correction":
        """Read what stands in a corrected dataset; an open one is not read again.

        Raises:
            DataError: If it is none, or a file in it is damaged.
        """
        if isinstance(path, Correction):
            return path
        folder = Path(path)
        return cls(
            folder,
            CorrectionRecord.read(folder),
            RankingRow.read(folder),
            OffsetRow.read(folder) if has_file(OffsetRow.path(folder)) else (),
            AuditTrail.read(folder).lines,
        )

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def out(self) -> Path:
        """The folder, by the name of the option that made it."""
        return self.path

    @property
    def report(self) -> Path | None:
        """The page; older versions have written none."""
        page = self.path / "report.html"
        return page if has_file(page) else None

    @property
    def calibration(self) -> Calibration:
        """What the uncertainty is worth, or why that is not known."""
        return self.record.calibration

    @property
    def corrected(self) -> tuple[str, ...]:
        """Cases whose label was decided on in the last round."""
        return tuple(line.case_id for line in self._last_round() if line.quality != "unlabeled")

    @property
    def pseudo_labeled(self) -> tuple[str, ...]:
        """Unlabeled cases that got a label in the last round."""
        return tuple(line.case_id for line in self._last_round() if line.quality == "unlabeled")

    @property
    def failed(self) -> dict[str, str]:
        """Message of each case that could not be looked at; its label stays as it came."""
        return self.record.failed

    @cached_property
    def dataset(self) -> Dataset:
        """The same folder as the dataset that it is."""
        return Dataset.open(self.path, require_images=False)

    @cached_property
    def ranked(self) -> dict[str, tuple[RankingRow, ...]]:
        """Lines of the ranking by case, the worst given label first."""
        return by_case(self.ranking)

    def __len__(self) -> int:
        return len(self.ranked)

    def __iter__(self) -> "Iterator[CorrectedCase]":
        return (self[case_id] for case_id in self.ranked)

    def __getitem__(self, case_id: str) -> "CorrectedCase":
        return CorrectedCase(self.dataset[case_id], self.ranked.get(case_id, ()))

    def to_frame(self, table: Literal["ranking", "offsets"] = "ranking") -> "DataFrame":
        """A line per case and class of `ranking.csv` or `offsets.csv`, with its columns; needs pandas."""
        if table not in ("ranking", "offsets"):
            raise UsageError(f"to_frame: expected ranking or offsets, got '{table}'.")
        return to_frame(self.ranking if table == "ranking" else self.offsets)

    def plot(self, cases: int = 3) -> "Figure":
        """The most doubtful cases: the label as given and as written, and the uncertainty."""
        from alcseg.views.correction import figure

        return figure(self, cases)

    def _repr_html_(self) -> str:
        from alcseg.views.correction import html

        return html(self)

    def to_document(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        calibration = self.calibration
        return {
            "out": str(self.path),
            "report": self.report,
            "corrected": list(self.corrected),
            "pseudo_labeled": list(self.pseudo_labeled),
            "failed": self.failed,
            "how": self.record.how,
            "risk": self.record.risk,
            "rehearsal": self.record.rehearsal and self.record.rehearsal.model_dump(),
            "written": self.record.written,
            "offsets": [row.model_dump() for row in self.offsets],
            "calibration": {
                "note": calibration.note,
                "held_out_cases": len(calibration.cases),
                "spearman": {
                    name: None if curve.spearman is None else round(curve.spearman, 3)
                    for name, curve in calibration.curves.items()
                },
            },
            "record": self.record.content(),
        }

    def _last_round(self) -> list[AuditLine]:
        """A round adds a line for each of its cases."""
        count = self.record.corrected + self.record.pseudo_labeled + len(self.failed)
        return [line for line in self.audit[-count:] if line.action != "kept"]


@dataclass(frozen=True, eq=False)
class CorrectedCase:
    """The labels of one case; arrays are read when first asked for and kept as long as this object.

    Attributes:
        case: The case in the corrected dataset.
        ranking: Its lines in the ranking, one per class; none where it was not looked at.
    """

    case: Case
    ranking: tuple[RankingRow, ...] = field(repr=False)

    @property
    def case_id(self) -> str:
        """Its name."""
        return self.case.case_id

    @property
    def image(self) -> FloatArray:
        """Intensities of the first channel, `(X, Y, Z)`."""
        return self.case.image

    @property
    def affine(self) -> Affine:
        """Voxel index to RAS millimetres, `(4, 4)`."""
        return self.case.affine

    @property
    def spacing(self) -> Spacing:
        """Voxel size in mm, in axis order."""
        return self.case.spacing

    @property
    def written(self) -> LabelMap | None:
        """The label that was written, `(X, Y, Z)`; None where there is none."""
        return self.case.label

    @cached_property
    def given(self) -> LabelMap | None:
        """The label as it came, before all rounds; None where none was given.

        Raises:
            DataError: If it is gone from where `correct` has kept it.
        """
        folder = self.case.dataset
        path = folder.root / GIVEN / f"{self.case_id}{folder.file_ending}"
        if has_file(path):
            return folder.read_label_file(path).array
        if any(row.label_given for row in self.ranking):
            raise DataError(
                f"{path}: expected the label as it came, found none. Restore it, or correct again."
            )
        return self.written if self.case.quality != "unlabeled" else None

    @cached_property
    def uncertainty(self) -> FloatArray | None:
        """Per voxel, `(X, Y, Z)`; None where the case was not looked at."""
        path = self.case.dataset.root / "uncertainty" / f"{self.case_id}.nii.gz"
        return read_map(path) if has_file(path) else None
