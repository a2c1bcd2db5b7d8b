"""How many labels of each class confident learning takes to be wrong, from counts of confident guesses."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["MARGIN", "NEVER", "label_quotas"]

MARGIN = 1e-6
"""By which a threshold may be missed, and a label be beaten without being in doubt."""

NEVER = 2.0
"""Threshold of a class that no voxel is labeled as."""


def label_quotas(joint: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Estimated number of voxels by label and true class, whole numbers, at least one label right per class.

    Memory layout and order of operations decide the last bit of a quotient and so, where two residuals are
    equal, which of them is rounded up; both follow cleanlab.
    """
    joint = np.asfortranarray(joint)
    np.fill_diagonal(joint, joint.diagonal().clip(min=1))
    calibrated = (joint.T / joint.sum(1) * counts).T
    calibrated = calibrated / max(float(np.sum(calibrated)), 1e-100) * counts.sum()
    rounded = np.array([_round_to_total(row) for row in calibrated])
    diagonal = rounded.diagonal()
    kept = np.maximum(diagonal, 1)
    others = np.maximum(np.count_nonzero(rounded, axis=1) - 1, 1)
    quotas: NDArray[np.float64] = (rounded - ((kept - diagonal) / others)[:, None]).clip(min=0)
    np.fill_diagonal(quotas, kept)
    return quotas.astype(np.int64)


def _round_to_total(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers near those of a row, with its sum."""
    rounded = row.round()
    total = row.sum().round()
    while (missing := int(total - rounded.sum())) != 0:
        residual = np.argsort(row - rounded)
        order = residual[::-1] if missing > 0 else residual
        rounded[order[: abs(missing)]] += np.sign(missing)
    return rounded
