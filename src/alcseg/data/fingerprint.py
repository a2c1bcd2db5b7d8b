"""Whether the files of a dataset are those that something was found out about."""

import hashlib
from collections.abc import Iterable

from alcseg.data.folder import Dataset
from alcseg.files import file_hash
from alcseg.records.cases import CaseRow
from alcseg.records.fingerprint import FingerprintRow

__all__ = ["fingerprint"]


def fingerprint(dataset: Dataset, rows: Iterable[CaseRow]) -> dict[str, FingerprintRow]:
    """Hashes of the image and label files of cases, by case; every file is read once.

    Raises:
        DataError: If an image is absent.
    """
    found = {}
    for row in rows:
        images = " ".join(file_hash(path) for path in dataset.image_paths(row.case_id))
        label = dataset.label_path(row.case_id)
        found[row.case_id] = FingerprintRow(
            case_id=row.case_id,
            images=hashlib.sha256(images.encode()).hexdigest()[:16],
            label="" if label is None else file_hash(label),
        )
    return found
