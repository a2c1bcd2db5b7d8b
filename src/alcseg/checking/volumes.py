"""Volumes of classes that are unlike those of the others."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from alcseg.checking.finding import Finding
from alcseg.checking.robust import ENOUGH, deviations
from alcseg.checking.sketch import Sketch

__all__ = ["odd_volumes", "volume_deviations"]

_LIMIT = 4.5  # robust standard deviations of the logarithm; no clean label of three sets is beyond
_LEAST_SPREAD = 0.1  # of the logarithm: 10 %
_LEAST_FACTOR = 1.5  # below it a volume is no fault, however alike the others are


def volume_deviations(sketches: Sequence[Sketch]) -> NDArray[np.float64]:
    """Of the logarithms of volumes, `(cases, classes)`; 0 for classes that are absent or in few cases."""
    volumes = np.array([list(sketch.volumes_ml.values()) for sketch in sketches])
    there = volumes > 0
    found = deviations(np.log(volumes, out=np.full(volumes.shape, np.nan), where=there), _LEAST_SPREAD)
    return np.where(there & (there.sum(axis=0) >= ENOUGH), found, 0.0)


def odd_volumes(sketches: Sequence[Sketch]) -> Iterator[Finding]:
    """One note per case, on its oddest class."""
    if len(sketches) < ENOUGH:
        return
    names = list(sketches[0].volumes_ml)
    for sketch, off in zip(sketches, volume_deviations(sketches), strict=True):
        worst = int(np.abs(off).argmax())
        if abs(off[worst]) < _LIMIT:
            continue
        name = names[worst]
        found = sketch.volumes_ml[name]
        others = [other.volumes_ml[name] for other in sketches if other.volumes_ml[name] > 0]
        median = float(np.median(others))
        if max(found / median, median / found) < _LEAST_FACTOR:
            continue
        yield Finding(
            "ok",
            sketch.row.case_id,
            f"its '{name}' has {found:.3g} mL, {found / median:.2g} times the median of {median:.3g} mL "
            f"({abs(off[worst]):.1f} deviations). Look at the label, and at its spacing.",
            "volume",
            found,
        )
