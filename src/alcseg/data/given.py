"""Labels as they came, which `correct` and `review` keep beside those that they write."""

from pathlib import Path

from alcseg.data.folder import Dataset
from alcseg.data.layout import GIVEN
from alcseg.errors import DataError
from alcseg.listing import has_file, list_files
from alcseg.records.audit_trail import AuditTrail
from alcseg.records.given_labels import GivenLabelRow
from alcseg.words import shorten

__all__ = ["list_given_labels", "require_given_labels"]

_KEEPS_NONE = ("kept", "pseudo_labeled")  # actions after which there is no other label than the one in use


def list_given_labels(root: Path, file_ending: str) -> None:
    """Write into a dataset folder which labels it keeps as they came, if any."""
    kept = [path.name.removesuffix(file_ending) for path in list_files(root / GIVEN, f"*{file_ending}")]
    if kept:
        GivenLabelRow.write(root, [GivenLabelRow(case_id=case_id) for case_id in kept])


def require_given_labels(dataset: Dataset) -> None:
    """Refuse a dataset in which a label as it came is gone: the written one would be taken for it.

    Raises:
        DataError: Naming the files. A dataset that was neither corrected nor reviewed has none.
    """
    listed = has_file(GivenLabelRow.path(dataset.root))
    kept = [row.case_id for row in GivenLabelRow.read(dataset.root)] if listed else []
    lines = AuditTrail.read(dataset.root).lines  # all that corrections of earlier versions tell
    kept += [line.case_id for line in lines if line.action not in _KEEPS_NONE]
    known = {row.case_id for row in dataset.rows}
    names = [f"{case_id}{dataset.file_ending}" for case_id in dict.fromkeys(kept) if case_id in known]
    if gone := [name for name in names if not has_file(dataset.root / GIVEN / name)]:
        raise DataError(
            f"{dataset.root / GIVEN}: expected the labels as they came, found no {shorten(gone)}. Restore "
            "the files, or correct or review the labels again."
        )
