"""What classes lose on the grid that a network sees: a vessel of one voxel, a small lesion."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_grid
from alcseg.data.preprocess import fits, grid_at
from alcseg.records.cases import CaseRow
from alcseg.records.plan import WantedSpacing

__all__ = ["ClassLoss", "measure_loss"]

_MOST_LABELS = 20  # that are measured; more tell little more
_LOST_BELOW = 0.5  # of the volume of a class
_MUST_KEEP = 0.1  # share of labels that may lose a class: fewer are odd ones, not what the set is about


@dataclass(frozen=True)
class ClassLoss:
    """What one class loses.

    Attributes:
        labels: Number of labels that hold it.
        lost: Number of those in which more than half of its volume is gone.
        kept: Share of its volume that is left, mean over the labels.
    """

    labels: int
    lost: int
    kept: float

    @property
    def too_much(self) -> bool:
        """Whether a network would be trained without it where it matters."""
        return self.lost > _MUST_KEEP * self.labels


def measure_loss(folder: Dataset, rows: Sequence[CaseRow], spacing: WantedSpacing) -> dict[str, ClassLoss]:
    """Loss of each foreground class on the model grid of a spacing.

    Args:
        folder: The dataset.
        rows: Its training cases; of those with HQ labels, or else of all labeled ones, up to 20 are read.
        spacing: mm per axis of the model grid; None keeps each case's own.

    Returns:
        By class name; empty where no label is made coarser. A class that none of them holds is left out.

    Raises:
        DataError: If a label cannot be read.
    """
    labeled = [row for row in rows if row.quality != "unlabeled"]
    read = [row for row in labeled if row.quality == "hq"] or labeled
    read = read[:: -(-len(read) // _MOST_LABELS) or 1]
    grids = {row.case_id: grid_at(*read_grid(folder.image_paths(row.case_id)[0]), spacing) for row in read}
    if not any(np.prod(grid.shape) < np.prod(grid.source_shape) for grid in grids.values()):
        return {}
    kept: dict[str, list[float]] = {}
    for case_id, grid in grids.items():
        label = folder.read_label(case_id).array
        if label.shape != grid.source_shape or not fits(grid):
            continue  # told when the case is read
        resampled = grid.label_to_model(label)
        voxel = label.size / resampled.size
        for name, value in list(folder.labels.items())[1:]:
            before = np.count_nonzero(label == value)
            if before:
                share = np.count_nonzero(resampled == value) * voxel / before
                kept.setdefault(name, []).append(min(1.0, share))
    return {
        name: ClassLoss(len(shares), sum(share < _LOST_BELOW for share in shares), float(np.mean(shares)))
        for name, shares in kept.items()
    }
