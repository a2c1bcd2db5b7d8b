"""The metrics by name, each with all that a table or a penalty has to know of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from alcseg.errors import ConfigError
from alcseg.metrics.overlap import dice, jaccard
from alcseg.metrics.surface import SurfaceDistances, distances_in_box
from alcseg.plugins import Registry
from alcseg.types import FloatArray, Mask, Spacing

__all__ = ["METRICS", "Better", "MaskPair", "Metric", "select"]

Better = Literal["higher", "lower", "nothing"]


@dataclass(frozen=True, eq=False)
class MaskPair:
    """A prediction and its reference; their surfaces are measured once, when the first metric asks.

    Both are cut to the box around the class in either, so nothing tells of the place in the image.

    Attributes:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis.
        tolerance_mm: Distance that `nsd` takes as no error.
        directions: Unit vectors along the axes of a sheared grid, as columns; None where the axes are
            perpendicular.
        known: Voxels that somebody labeled, which hold both masks, same shape; None where all are.
    """

    pred: Mask
    ref: Mask
    spacing: Spacing
    tolerance_mm: float = 1.0
    directions: FloatArray | None = None
    known: Mask | None = None

    @cached_property
    def distances(self) -> SurfaceDistances:
        """Distances between the two surfaces."""
        return distances_in_box(self.pred, self.ref, self.spacing, self.directions, self.known)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric, and what an evaluation and a report have to know of it.

    Attributes:
        compute: The value for a pair of masks. Both hold voxels, unless the penalty is `computed`: then one
            of them may be empty.
        title: Heading of a table, without the unit.
        unit: `fraction`, `mm`, `mm3`, `count`, or any other short word.
        better: Whether higher or lower values are better; `nothing` where neither is, as for a signed error.
        best: Value of a perfect prediction; None where there is none.
        worst: Worst value: a number, `diagonal` for the diagonal of the image in mm, or None without a bound.
        penalty: What a structure gets that only one of the two masks has: a number, `diagonal`, or
            `computed` for what `compute` says of the pair. None takes `worst`.
        signed: Whether a value has a sign worth printing.
        digits: Printed after the point.
        percent: Whether it is printed in percent.
        needs_mm: Whether it makes no sense where distances are counted in voxels.

    Raises:
        ConfigError: If `better` is no such word, or neither `worst` nor `penalty` says what a missed
            structure gets.
    """

    compute: Callable[[MaskPair], float]
    title: str
    unit: str
    better: Better
    best: float | None
    worst: float | Literal["diagonal"] | None
    penalty: float | Literal["diagonal", "computed"] | None = None
    signed: bool = False
    digits: int = 2
    percent: bool = False
    needs_mm: bool = False

    def __post_init__(self) -> None:
        if self.better not in get_args(Better):
            raise ConfigError(
                f"metric '{self.title}': expected better to be one of {', '.join(get_args(Better))}, "
                f"got '{self.better}'."
            )
        if self.worst is None and self.penalty is None:
            raise ConfigError(
                f"metric '{self.title}': expected a penalty for missed structures where there is no worst "
                "value, got none. State a number, or 'computed'."
            )

    def unit_in(self, length: str) -> str:
        """The unit where lengths are measured in `length`: `voxel3` for `mm3`."""
        return self.unit.replace("mm", length)

    def penalize(self, pair: MaskPair, diagonal: float) -> float:
        """Value of a structure that one of the masks lacks, in an image of this diagonal."""
        value = self.worst if self.penalty is None else self.penalty
        if value == "diagonal":
            return diagonal
        return self.compute(pair) if value == "computed" or value is None else float(value)


def _distance(title: str, compute: Callable[[SurfaceDistances], float]) -> Metric:
    return Metric(
        compute=lambda pair: compute(pair.distances),
        title=title,
        unit="mm",
        better="lower",
        best=0.0,
        worst="diagonal",
    )


def _fraction(title: str, compute: Callable[[MaskPair], float], *, needs_mm: bool = False) -> Metric:
    return Metric(
        compute=compute,
        title=title,
        unit="fraction",
        better="higher",
        best=1.0,
        worst=0.0,
        percent=True,
        needs_mm=needs_mm,
    )


METRICS = Registry(
    "metric",
    {
        "asd": _distance("ASD", SurfaceDistances.asd),
        "asd_ref_to_pred": _distance("ASD from the reference", SurfaceDistances.asd_ref_to_pred),
        "assd": _distance("ASSD", SurfaceDistances.assd),
        "dice": _fraction("Dice", lambda pair: dice(pair.pred, pair.ref)),
        "hd95": _distance("95HD", SurfaceDistances.hd95),
        "hd95_directed": _distance("95HD, larger direction", SurfaceDistances.hd95_directed),
        "jaccard": _fraction("Jaccard", lambda pair: jaccard(pair.pred, pair.ref)),
        "nsd": _fraction("NSD", lambda pair: pair.distances.nsd(pair.tolerance_mm), needs_mm=True),
    },
    group="alcseg.metrics",
    wanted="an alcseg.metrics.Metric",
    accept=lambda found: found if isinstance(found, Metric) else None,
)


def select(metrics: Sequence[str] | Mapping[str, Metric] | None) -> dict[str, Metric]:
    """Metrics by name: those of `METRICS` that are named, others as they are given, all of `METRICS` if None.

    Raises:
        ConfigError: If there is no such metric.
    """
    if metrics is None:
        metrics = METRICS
    return dict(metrics) if isinstance(metrics, Mapping) else {name: METRICS[name] for name in metrics}
