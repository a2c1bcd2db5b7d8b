"""A dataset on disk made another in one way."""

from pathlib import Path

import nibabel as nib
import numpy as np

from alcseg.data.folder import Dataset
from alcseg.records.cases import CaseRow

__all__ = ["set_quality", "spoil"]


def set_quality(dataset: Path, quality: dict[str, str]) -> None:
    rows = Dataset.open(dataset).rows
    CaseRow.write(
        dataset,
        [
            CaseRow.model_validate(row.model_dump() | {"quality": quality.get(row.case_id, row.quality)})
            for row in rows
        ],
    )


def spoil(image: Path) -> None:
    """Make an image the same everywhere."""
    found = nib.load(image)
    nib.save(nib.Nifti1Image(np.ones(found.shape, np.float32), found.affine), image)
