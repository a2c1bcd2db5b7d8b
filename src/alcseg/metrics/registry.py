"""The metrics by name, with the traits that a table needs: unit, better direction."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from alcseg.metrics.overlap import dice, jaccard
from alcseg.metrics.surface import SurfaceDistances, surface_distances
from alcseg.types import Mask, Spacing

__all__ = ["METRICS", "MaskPair", "Metric"]


@dataclass(frozen=True, eq=False)
class MaskPair:
    """A prediction and its reference; their surfaces are measured once, when the first metric asks.

    Attributes:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis.
        tolerance_mm: Distance that `nsd` takes as no error.
    """

    pred: Mask
    ref: Mask
    spacing: Spacing
    tolerance_mm: float = 1.0

    @cached_property
    def distances(self) -> SurfaceDistances:
        """Distances between the two surfaces."""
        return surface_distances(self.pred, self.ref, self.spacing)


@dataclass(frozen=True)
class Metric:
    """One metric; every metric is `nan` where both masks are empty.

    Attributes:
        compute: The value for a pair of masks.
        unit: `fraction` in 0..1, where one empty mask gives 0; or `mm`, where one empty mask gives `inf`.
        better: Whether higher or lower values are better.
    """

    compute: Callable[[MaskPair], float]
    unit: Literal["fraction", "mm"]
    better: Literal["higher", "lower"]


METRICS: dict[str, Metric] = {
    "asd": Metric(lambda pair: pair.distances.asd(), "mm", "lower"),
    "asd_ref_to_pred": Metric(lambda pair: pair.distances.asd_ref_to_pred(), "mm", "lower"),
    "assd": Metric(lambda pair: pair.distances.assd(), "mm", "lower"),
    "dice": Metric(lambda pair: dice(pair.pred, pair.ref), "fraction", "higher"),
    "hd95": Metric(lambda pair: pair.distances.hd95(), "mm", "lower"),
    "hd95_directed": Metric(lambda pair: pair.distances.hd95_directed(), "mm", "lower"),
    "jaccard": Metric(lambda pair: jaccard(pair.pred, pair.ref), "fraction", "higher"),
    "nsd": Metric(lambda pair: pair.distances.nsd(pair.tolerance_mm), "fraction", "higher"),
}
