"""How far a value lies from the others of its set, where some of them may be wrong."""

import numpy as np
from numpy.typing import NDArray

from alcseg.types import FloatArray

__all__ = ["ENOUGH", "deviations"]

ENOUGH = 8
"""Cases from which on it is known what is usual."""

_SIGMA = 1.4826  # standard deviations in a median absolute deviation of normal values


def deviations(values: FloatArray, least_spread: float) -> NDArray[np.float64]:
    """Distance of each value from the median, in robust standard deviations; 0 where a value is `nan`.

    Args:
        values: `(cases,)` or `(cases, traits)`.
        least_spread: Spread that is usual anyway, so that nothing is odd where all are alike.
    """
    table = np.asarray(values, dtype=np.float64)
    if not np.isfinite(table).any():
        return np.zeros(table.shape)
    known = np.where(np.isfinite(table).any(axis=0), table, 0.0)  # a trait that no case has
    middle = np.nanmedian(known, axis=0)
    spread = np.maximum(_SIGMA * np.nanmedian(np.abs(known - middle), axis=0), least_spread)
    found: NDArray[np.float64] = np.nan_to_num((known - middle) / spread)
    return found
