"""Labels as they came, which `correct` keeps beside those that it writes: none passes for the other."""

from alcseg.data.folder import GIVEN, Dataset
from alcseg.errors import DataError
from alcseg.listing import has_file
from alcseg.records.audit_trail import AuditTrail
from alcseg.words import shorten

__all__ = ["require_given_labels"]

_KEEPS_NONE = ("kept", "pseudo_labeled")  # actions after which there is no other label than the one in use


def require_given_labels(dataset: Dataset) -> None:
    """Refuse a corrected dataset in which a label as it came is gone: the written one would be taken for it.

    Raises:
        DataError: Naming the files. A dataset that was not corrected has none.
    """
    known = {row.case_id for row in dataset.rows}
    lines = [line for line in AuditTrail.read(dataset.root).lines if line.case_id in known]
    replaced = dict.fromkeys(line.case_id for line in lines if line.action not in _KEEPS_NONE)
    names = [f"{case_id}{dataset.file_ending}" for case_id in replaced]
    if gone := [name for name in names if not has_file(dataset.root / GIVEN / name)]:
        raise DataError(
            f"{dataset.root / GIVEN}: expected the labels as they came before `alcseg correct`, found no "
            f"{shorten(gone)}. Restore the files, or correct the labels again."
        )
