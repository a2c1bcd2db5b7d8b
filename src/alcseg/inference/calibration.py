"""What an uncertainty is worth: its relation to true errors on held-out cases with trusted labels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from alcseg.types import FloatArray, Mask

__all__ = ["Calibration", "MonotoneFit", "VoxelReliability", "calibrate", "fit_monotone"]

_MIN_CASES = 5
"""Fewer held-out cases than this give no curve of a class's own; the pooled one is used."""

_EDGES = np.concatenate([[0.0], np.geomspace(1e-8, 10.0, 181)])
"""Bins of the voxel uncertainty in nats; neither the mean divergence nor an entropy reaches 10."""


@dataclass(frozen=True)
class MonotoneFit:
    """A falling curve from uncertainty to Dice, straight between its knots and flat outside.

    Attributes:
        uncertainty: Knots, rising.
        dice: Expected Dice at the knots, falling.
        spearman: Rank correlation of the pairs that were fitted; nan if one side is constant.
        n: How many pairs there were.
    """

    uncertainty: tuple[float, ...]
    dice: tuple[float, ...]
    spearman: float
    n: int

    def __call__(self, uncertainty: float) -> float:
        """Expected Dice at `uncertainty`."""
        return float(np.interp(uncertainty, self.uncertainty, self.dice))


def fit_monotone(uncertainty: Iterable[float], dice: Iterable[float]) -> MonotoneFit:
    """Least-squares falling curve through (uncertainty, Dice) by pooling adjacent violators.

    Args:
        uncertainty: One value per held-out case and class.
        dice: Their true Dice, same length, at least one.
    """
    u, d = np.asarray(list(uncertainty), float), np.asarray(list(dice), float)
    # Equal uncertainties become one point first, or their order would decide what is a violation.
    at, index, count = np.unique(u, return_inverse=True, return_counts=True)
    centers, levels, _ = _pool_adjacent(at, -np.bincount(index, d) / count, count.astype(float))
    constant = len(u) < 2 or np.ptp(u) == 0 or np.ptp(d) == 0
    rho = float("nan") if constant else float(spearmanr(u, d).statistic)
    return MonotoneFit(tuple(centers.tolist()), tuple((-levels).tolist()), rho, len(u))


def _pool_adjacent(
    x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Rising least-squares steps over sorted `x`: weighted mean of x, level and first point of each."""
    blocks: list[tuple[float, float, float, int]] = []  # weight, sum of weighted x, level, first point
    for index, (xi, yi, wi) in enumerate(zip(x.tolist(), y.tolist(), weight.tolist(), strict=True)):
        blocks.append((wi, wi * xi, yi, index))
        while len(blocks) > 1 and blocks[-2][2] >= blocks[-1][2]:
            w1, wx1, level1, _ = blocks.pop()
            w0, wx0, level0, first = blocks.pop()
            blocks.append((w0 + w1, wx0 + wx1, (w0 * level0 + w1 * level1) / (w0 + w1), first))
    table = np.array([block[:3] for block in blocks])
    return table[:, 1] / table[:, 0], table[:, 2], np.array([block[3] for block in blocks])


@dataclass
class VoxelReliability:
    """Counts of right and wrong voxels by their uncertainty, summed case by case."""

    wrong: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_EDGES) - 1, np.int64))
    total: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_EDGES) - 1, np.int64))

    def add(self, uncertainty: FloatArray, wrong: Mask) -> None:
        """Count the voxels of one case.

        Args:
            uncertainty: u per voxel, `(X, Y, Z)`.
            wrong: Where the refined label differs from the trusted one, same shape.
        """
        clipped = np.clip(uncertainty, 0, _EDGES[-1])
        self.total += np.histogram(clipped, _EDGES)[0]
        self.wrong += np.histogram(clipped[wrong], _EDGES)[0]

    def threshold(self) -> float:
        """The uncertainty from which on a refined voxel is more often wrong than right.

        The error rate per bin is smoothed to a rising curve; the threshold is the first bin where it passes
        one half, or inf if it never does.
        """
        seen = np.flatnonzero(self.total)
        if len(seen) == 0:
            return float("inf")
        rate = self.wrong[seen] / self.total[seen]
        edges = _EDGES[:-1][seen]
        _, levels, first = _pool_adjacent(edges, rate, self.total[seen].astype(float))
        above = np.flatnonzero(levels > 0.5)
        return float(edges[first[above[0]]]) if len(above) else float("inf")


@dataclass(frozen=True)
class Calibration:
    """Curves per class and the voxel threshold, or the reason why there are none.

    Attributes:
        fits: Curve per class name; the key `""` holds the one over all classes.
        threshold: Voxel uncertainty above which a refined voxel is more often wrong than right; inf if none.
        cases: Held-out cases that were used.
        note: One sentence for people: how it was formed, or why it could not be.
    """

    fits: Mapping[str, MonotoneFit]
    threshold: float
    cases: tuple[str, ...]
    note: str

    @property
    def usable(self) -> bool:
        """Whether there is any curve."""
        return bool(self.fits)

    def expected_dice(self, class_name: str, uncertainty: float) -> float | None:
        """Expected true Dice of a refined class, or None without held-out cases."""
        fit = self.fits.get(class_name) or self.fits.get("")
        return fit(uncertainty) if fit else None

    def to_document(self) -> dict[str, Any]:
        """What a person wants to see of it; the curves are in `to_dict`."""
        return {
            "note": self.note,
            "held_out_cases": len(self.cases),
            "spearman": {name or "all classes": round(fit.spearman, 3) for name, fit in self.fits.items()},
            "voxel_threshold": self.threshold,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain types for JSON; a threshold of inf becomes null."""
        return {
            "note": self.note,
            "cases": list(self.cases),
            "voxel_threshold": None if np.isinf(self.threshold) else self.threshold,
            "curves": {
                name or "all classes": {
                    "n": fit.n,
                    "spearman": None if np.isnan(fit.spearman) else fit.spearman,
                    "uncertainty": list(fit.uncertainty),
                    "expected_dice": list(fit.dice),
                }
                for name, fit in self.fits.items()
            },
        }


def calibrate(
    points: Iterable[tuple[str, str, float, float]], voxels: VoxelReliability, *, cases: tuple[str, ...]
) -> Calibration:
    """Fit the curves.

    Args:
        points: `(case_id, class name, uncertainty, true Dice)` of held-out cases; nan values are left out.
        voxels: Counts over the same cases.
        cases: Their ids, none of which the model was trained on.
    """
    usable = [point for point in points if np.isfinite(point[2]) and np.isfinite(point[3])]
    if not usable:
        note = (
            "no held-out HQ case: uncertainty could not be related to true Dice; cases are ranked by "
            "uncertainty and "
            "by agreement with the given label alone"
        )
        return Calibration({}, float("inf"), cases, note)
    fits = {"": fit_monotone([p[2] for p in usable], [p[3] for p in usable])}
    for name in sorted({point[1] for point in usable}):
        own = [point for point in usable if point[1] == name]
        if len(own) >= _MIN_CASES:
            fits[name] = fit_monotone([p[2] for p in own], [p[3] for p in own])
    note = (
        f"expected Dice from uncertainty by a falling curve fitted to {len(cases)} held-out HQ case(s); "
        f"a class with fewer than {_MIN_CASES} of them uses the curve of all classes"
    )
    return Calibration(fits, voxels.threshold(), cases, note)
