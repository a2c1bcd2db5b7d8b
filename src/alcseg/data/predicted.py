"""Predicted label maps on disk, with the record of how they were made."""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from alcseg.data.case import Volume
from alcseg.data.nifti import read_label
from alcseg.errors import DataError
from alcseg.records.predictions import PredictionRecord

__all__ = ["Predictions"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What `alcseg predict` wrote; `Predictions.open` opens it again.

    Attributes:
        path: The folder.
        record: What became of each case, and by what.
    """

    path: Path
    record: PredictionRecord

    @classmethod
    def open(cls, path: "str | PathLike[str] | Predictions") -> "Predictions":
        """Read `predict.json`; no volume is opened, and an open folder is not read again.

        Raises:
            DataError: If it is absent or damaged.
        """
        return path if isinstance(path, Predictions) else cls(Path(path), PredictionRecord.read(Path(path)))

    def __fspath__(self) -> str:
        return str(self.path)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {name: getattr(self, name) for name in ("out", "written", "failed", "record")}

    @property
    def out(self) -> Path:
        """The folder."""
        return self.path

    @property
    def written(self) -> dict[str, Path]:
        """Label map of each case that was predicted."""
        cases = self.record.cases.items()
        return {case_id: self.path / case.label for case_id, case in cases if case.label is not None}

    @property
    def failed(self) -> dict[str, str]:
        """Message of each case that was not."""
        cases = self.record.cases.items()
        return {case_id: case.error or "" for case_id, case in cases if case.status == "failed"}

    def label(self, case_id: str) -> Volume:
        """Read the label map of one case.

        Raises:
            DataError: If the case was not predicted, or its file cannot be read.
        """
        path = self.written.get(case_id)
        if path is None:
            why = self.failed.get(case_id, "there is no such case")
            raise DataError(f"{self.path}: expected a prediction of '{case_id}', found none ({why}).")
        return read_label(path)
