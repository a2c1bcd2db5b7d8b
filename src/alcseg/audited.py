"""What `alcseg audit` found, opened from its folder."""

from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from alcseg.data.fingerprint import fingerprint
from alcseg.data.folder import Dataset
from alcseg.errors import DataError, UsageError
from alcseg.frames import to_frame
from alcseg.listing import has_file
from alcseg.records.audit import AuditRecord, AuditRow, RegionRow
from alcseg.records.base import by_case
from alcseg.records.fingerprint import FingerprintRow
from alcseg.texts import read_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["TRUSTED_LIST", "Audit"]

TRUSTED_LIST = "trusted.txt"
"""Cases whose labels seem right, best first, one a line: for people and for `import --hq-list`."""


@dataclass(frozen=True)
class Audit:
    """An audit on disk; `Audit.open` opens it.

    Attributes:
        path: The folder.
        record: What was done and found.
        ranking: A line per case and class, the worst label first.
    """

    path: Path
    record: AuditRecord = field(repr=False)
    ranking: tuple[AuditRow, ...] = field(repr=False)

    @classmethod
    def open(cls, path: "str | PathLike[str] | Audit") -> "Audit":
        """Read what an audit wrote; no volume is opened.

        Raises:
            DataError: If a file is absent or damaged.
        """
        if isinstance(path, Audit):
            return path
        folder = Path(path)
        if not has_file(AuditRecord.path(folder)):
            raise DataError(
                f"{folder}: expected the folder of a finished `alcseg audit`, found none. Give its --out "
                "folder; called again, an audit that was stopped goes on."
            )
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
    def worst(self) -> tuple[AuditRow, ...]:
        """Of each case the line of its worst class; the worst label first."""
        return tuple(min(rows, key=lambda row: row.dice) for rows in by_case(self.ranking).values())

    @cached_property
    def trusted(self) -> tuple[str, ...]:
        """Cases whose labels can be trusted, best first: those that nobody crossed out in `trusted.txt`.

        Raises:
            DataError: If the list names a case that the audit does not trust.
        """
        path = self.path / TRUSTED_LIST
        if not has_file(path):
            return self.record.trusted
        listed = {line.strip() for line in read_text(path, "a list of cases").splitlines()} - {""}
        if added := sorted(listed - {*self.record.trusted}):
            raise DataError(
                f"{path}: expected cases that the audit trusts, or fewer, got '{added[0]}' ({len(added)} "
                "such). What you trust beside them belongs into the column quality of cases.csv, as hq."
            )
        return tuple(name for name in self.record.trusted if name in listed)

    def require_same(self, dataset: Dataset) -> None:
        """Refuse a dataset that is not the one that was audited, though its cases have the same names.

        The images have to be those that were seen, and the labels that are trusted those that were judged.
        Others may have been mended since. Audits from before there was a `fingerprint.csv` cannot tell.

        Raises:
            DataError: Naming a case, or the list.
        """
        if not has_file(FingerprintRow.path(self.path)):
            return
        known = {row.case_id: row for row in FingerprintRow.read(self.path)}
        if lost := [name for name in self.trusted if name not in known]:
            raise DataError(
                f"{FingerprintRow.path(self.path)}: expected a line for each case that the audit trusts, "
                f"found none for '{lost[0]}' ({len(lost)} such). Restore it, or audit again into the folder."
            )
        now = fingerprint(dataset, [row for row in dataset.rows if row.case_id in known])
        for name, row in now.items():
            if row.images != known[name].images:
                raise DataError(
                    f"{self.path}: expected an audit of {dataset.root}, but it judged another image of case "
                    f"'{name}'. Audit this dataset."
                )
            if name in self.trusted and row.label != known[name].label:
                raise DataError(
                    f"{self.path}: expected an audit of {dataset.root}, but it trusts another label of case "
                    f"'{name}'. Audit this dataset; into the same folder if that label was mended since."
                )

    def run_path(self, fold: int) -> Path:
        """Folder of the training of the last round that never saw a fold."""
        return self.path / "folds" / f"round-{len(self.record.rounds)}" / f"fold-{fold}" / "run"

    def to_frame(self, table: Literal["ranking", "regions"] = "ranking") -> "DataFrame":
        """The lines of `ranking.csv` or `regions.csv`, with their columns; needs pandas."""
        if table not in ("ranking", "regions"):
            raise UsageError(f"to_frame: expected ranking or regions, got '{table}'.")
        return to_frame(self.ranking if table == "ranking" else self.regions)

    def plot(self, cases: int = 8) -> "Figure":
        """The worst labels over their images, and what networks that never saw them predict."""
        from alcseg.views.audit import figure

        return figure(self, cases)

    def _repr_html_(self) -> str:
        from alcseg.views.audit import html

        return html(self)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {
            "out": self.path,
            "report": self.path / "report.html",
            "record": self.record,
            "ranking": self.ranking,
        }
