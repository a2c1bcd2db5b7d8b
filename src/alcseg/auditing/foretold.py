"""Expected against true errors of simulated labels, as a few points."""

import numpy as np

from alcseg.records.foretold import Foretold
from alcseg.types import FloatArray

__all__ = ["foretold"]

_POINTS = 10
_LEAST = 8  # errors of a point, below which its spread says nothing


def foretold(expected_dice: FloatArray, true_dice: FloatArray) -> tuple[Foretold, ...]:
    """Points of equally many simulated errors each, the smallest expected error first.

    Args:
        expected_dice: What was said of each, `(N,)`, by forests that had not seen its case.
        true_dice: What it was, `(N,)`.

    Returns:
        At most ten; none where fewer than eight errors were judged.
    """
    known = np.isfinite(expected_dice) & np.isfinite(true_dice)
    expected, true = 1 - expected_dice[known], 1 - true_dice[known]
    points = min(_POINTS, len(expected) // _LEAST)
    if not points:
        return ()
    order = np.argsort(expected, kind="stable")
    return tuple(
        Foretold(
            expected=round(float(expected[part].mean()), 4),
            true=round(float(true[part].mean()), 4),
            low=round(float(np.percentile(true[part], 10)), 4),
            high=round(float(np.percentile(true[part], 90)), 4),
            n=len(part),
        )
        for part in np.array_split(order, points)
    )
