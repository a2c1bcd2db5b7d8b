"""What an uncertainty is worth: its relation to true errors on held-out cases with trusted labels."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from alcseg.records.correction import Calibration, Curve

__all__ = [
    "POOLED",
    "HeldOutClass",
    "calibrate",
    "curve_at",
    "expected_dice",
    "fit_monotone",
]

POOLED = "all classes"
"""Name of the curve over all classes."""

_MIN_CASES = 5
"""Fewer held-out cases than this give no curve of a class's own; the pooled one is used."""


class HeldOutClass(NamedTuple):
    """One class of one held-out case: uncertainty near the refined class, and its true Dice."""

    class_name: str
    uncertainty: float
    dice: float


def calibrate(points: Iterable[HeldOutClass], *, cases: Sequence[str]) -> Calibration:
    """Fit a curve over all classes, and one for each that has enough cases.

    Args:
        points: Of held-out cases; those with a value that is not finite are left out.
        cases: Their ids, none of which the model was trained on.
    """
    usable = [point for point in points if math.isfinite(point.uncertainty) and math.isfinite(point.dice)]
    if not usable:
        why = "no held-out HQ case"
        if cases:
            why = f"{len(cases)} held-out HQ case(s), no class of which has an uncertainty and a Dice"
        note = (
            f"{why}: uncertainty could not be related to true Dice; cases are ranked by "
            "uncertainty and by agreement with the given label alone"
        )
        return Calibration(note=note, cases=tuple(cases))
    curves = {POOLED: _fit(usable)}
    for name in sorted({point.class_name for point in usable}):
        own = [point for point in usable if point.class_name == name]
        if len(own) >= _MIN_CASES:
            curves[name] = _fit(own)
    note = (
        f"expected Dice from uncertainty by a falling curve fitted to {len(cases)} held-out HQ case(s); "
        f"a class with fewer than {_MIN_CASES} of them uses the curve of all classes"
    )
    return Calibration(note=note, cases=tuple(cases), curves=curves)


def expected_dice(calibration: Calibration, class_name: str, uncertainty: float) -> float | None:
    """Expected true Dice of a refined class; None without held-out cases."""
    curve = calibration.curves.get(class_name) or calibration.curves.get(POOLED)
    return curve_at(curve, uncertainty) if curve else None


def curve_at(curve: Curve, uncertainty: float) -> float:
    """Expected Dice at `uncertainty`."""
    return float(np.interp(uncertainty, curve.uncertainty, curve.expected_dice))


def fit_monotone(uncertainty: Iterable[float], dice: Iterable[float]) -> Curve:
    """Least-squares falling curve through (uncertainty, Dice) by pooling adjacent violators.

    Args:
        uncertainty: One value per held-out case and class.
        dice: Their true Dice, same length, at least one.
    """
    from scipy.stats import spearmanr  # takes a second to import

    u, d = np.asarray(list(uncertainty), float), np.asarray(list(dice), float)
    # Equal uncertainties become one point first, or their order would decide what is a violation.
    at, index, count = np.unique(u, return_inverse=True, return_counts=True)
    centers, levels, _ = _pool_adjacent(at, -np.bincount(index, d) / count, count.astype(float))
    constant = np.ptp(u) == 0 or np.ptp(d) == 0
    return Curve(
        n=len(u),
        spearman=None if constant else float(spearmanr(u, d).statistic),
        uncertainty=tuple(centers.tolist()),
        expected_dice=tuple((-levels).tolist()),
    )


def _fit(points: Sequence[HeldOutClass]) -> Curve:
    return fit_monotone([point.uncertainty for point in points], [point.dice for point in points])


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
