"""A dataset folder that `alcseg correct` wrote, as an object: what was done, and what to look at first."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alcseg.records.audit_trail import AuditLine, AuditTrail
from alcseg.records.correction import Calibration, CorrectionRecord, Mode
from alcseg.records.offsets import OffsetRow
from alcseg.records.ranking import RankingRow

__all__ = ["Correction"]


@dataclass(frozen=True)
class Correction:
    """What was corrected; verbs take it in place of the folder.

    Attributes:
        path: The folder, a dataset like any other.
        record: Settings and sums of the last round.
        ranking: Which labels to look at first, a row per case and class.
        offsets: How each class of each label was drawn; none where labels were not aligned.
        audit: What was done to each label, in all rounds.
    """

    path: Path
    record: CorrectionRecord = field(repr=False)
    ranking: tuple[RankingRow, ...] = field(repr=False)
    offsets: tuple[OffsetRow, ...] = field(repr=False)
    audit: tuple[AuditLine, ...] = field(repr=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "Correction":
        """Read what stands in a corrected dataset.

        Raises:
            DataError: If it is none, or a file in it is damaged.
        """
        folder = Path(path)
        return cls(
            folder,
            CorrectionRecord.read(folder),
            RankingRow.read(folder),
            OffsetRow.read(folder) if OffsetRow.path(folder).is_file() else (),
            AuditTrail.read(folder).lines,
        )

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def out(self) -> Path:
        """The folder, by the name of the option that made it."""
        return self.path

    @property
    def mode(self) -> Mode:
        """Whether labels were refined or aligned."""
        return self.record.mode

    @property
    def calibration(self) -> Calibration:
        """What the uncertainty is worth, or why that is not known."""
        return self.record.calibration

    @property
    def corrected(self) -> tuple[str, ...]:
        """LQ cases that were decided on in the last round."""
        return tuple(line.case_id for line in self._last_round() if line.quality == "lq")

    @property
    def pseudo_labeled(self) -> tuple[str, ...]:
        """Unlabeled cases that got a label in the last round."""
        return tuple(line.case_id for line in self._last_round() if line.quality == "unlabeled")

    @property
    def failed(self) -> dict[str, str]:
        """Message of each case that could not be looked at; its label stays as it came."""
        return self.record.failed

    def to_document(self) -> dict[str, Any]:
        """Plain types, for `--json`."""
        calibration = self.calibration
        return {
            "out": str(self.path),
            "corrected": list(self.corrected),
            "pseudo_labeled": list(self.pseudo_labeled),
            "failed": self.failed,
            "how": self.mode,
            "offsets": [row.model_dump() for row in self.offsets],
            "calibration": {
                "note": calibration.note,
                "held_out_cases": len(calibration.cases),
                "spearman": {
                    name: None if curve.spearman is None else round(curve.spearman, 3)
                    for name, curve in calibration.curves.items()
                },
                "voxel_threshold": calibration.voxel_threshold,
            },
            "record": self.record.content(),
        }

    def _last_round(self) -> list[AuditLine]:
        """A round adds a line for each of its cases."""
        count = self.record.corrected + self.record.pseudo_labeled + len(self.failed)
        return [line for line in self.audit[-count:] if line.action != "kept"]
