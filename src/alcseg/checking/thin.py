"""Classes that would vanish at the usual spacing: vessels of one voxel, small lesions in fine scans."""

from collections.abc import Iterator, Sequence

import numpy as np

from alcseg.checking.finding import Finding
from alcseg.checking.sketch import Sketch
from alcseg.data.folder import Dataset
from alcseg.data.grid_loss import measure_loss

__all__ = ["thin_classes"]

_COARSE = 3.0  # times the finest: such an axis is not resampled


def thin_classes(folder: Dataset, sketches: Sequence[Sketch]) -> Iterator[Finding]:
    """Notes on classes that lose more than half of their volume in over a tenth of the training labels.

    Args:
        folder: The dataset.
        sketches: Of its labeled cases.
    """
    train = [sketch for sketch in sketches if sketch.row.split == "train"]
    if not train:
        return
    median = np.median([sketch.spacing for sketch in train], axis=0)
    coarse = median > _COARSE * median.min()
    x, y, z = (None if keep else float(value) for keep, value in zip(coarse, median, strict=True))
    for name, loss in measure_loss(folder, [sketch.row for sketch in train], (x, y, z)).items():
        if not loss.too_much:
            continue
        usual = ", ".join(f"{value:.3g}" for value in median)
        message = (
            f"class '{name}' loses more than half of its volume in {loss.lost} of {loss.labels} labels at "
            f"the median spacing, {usual} mm; {100 * loss.kept:.0f} % is kept. Training plans a finer grid "
            "where scans offer one; see 'kept' of plan.json, or set data.spacing."
        )
        yield Finding("ok", "", message, "thin", loss.kept)
