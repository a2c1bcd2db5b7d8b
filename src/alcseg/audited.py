"""What `alcseg audit` found, opened from its folder."""

from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from alcseg.errors import DataError
from alcseg.records.audit import AuditRecord, AuditRow, RegionRow

__all__ = ["Audit"]


@dataclass(frozen=True)
class Audit:
    """An audit on disk; `Audit.open` opens it.

    Attributes:
        path: The folder.
        record: What was done and found.
        ranking: A line per case and class, the worst label first.
    """

    path: Path
    record: AuditRecord
    ranking: tuple[AuditRow, ...]

    @classmethod
    def open(cls, path: "str | PathLike[str] | Audit") -> "Audit":
        """Read what an audit wrote; no volume is opened.

        Raises:
            DataError: If a file is absent or damaged.
        """
        if isinstance(path, Audit):
            return path
        folder = Path(path)
        if not AuditRecord.path(folder).is_file():
            raise DataError(f"{folder}: expected the folder of a finished `alcseg audit`, found none.")
        return cls(folder, AuditRecord.read(folder), AuditRow.read(folder))

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def out(self) -> Path:
        """The folder."""
        return self.path

    @property
    def failed(self) -> dict[str, str]:
        """Message of each case that could not be judged."""
        return self.record.failed

    @cached_property
    def regions(self) -> tuple[RegionRow, ...]:
        """Where labels and predictions differ."""
        return RegionRow.read(self.path)

    @property
    def trusted(self) -> tuple[str, ...]:
        """Cases whose labels can be trusted, best first."""
        return self.record.trusted

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {"out": self.path, "record": self.record, "ranking": self.ranking}
