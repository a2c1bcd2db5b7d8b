"""Cases in which a network says something unlike what it says of others: it may have lost the organ there.

A given label cannot be held against such a prediction: which of the two is wrong, only a person can tell.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.evidence import entropy
from alcseg.types import FloatArray

__all__ = ["traits", "unlike_the_others"]

_FEWEST = 8  # cases from which on it is known what is usual
_LIMIT = 3.5  # of the root mean square of robust z-scores; measured on failures of the left atrium
_SPREAD = np.array([0.1, 0.02, 0.05, 0.03, 0.03, 0.03])
"""Least spread of each trait that counts as usual, so that nothing is odd in a set where all are alike."""


def traits(probs: FloatArray) -> NDArray[np.float64]:
    """How large what is predicted is, how sure the network is of it, and where it lies, `(6,)`.

    Args:
        probs: Class probabilities, `(K, X, Y, Z)`.
    """
    inside = probs.argmax(0) > 0
    voxels = int(inside.sum())
    doubt = entropy(probs).sum()
    if not voxels:
        return np.array([0.0, 0.0, float(np.log1p(doubt)), 0.5, 0.5, 0.5])
    middle = [float(at.mean()) / size for at, size in zip(np.nonzero(inside), inside.shape, strict=True)]
    sure = float(probs.max(0)[inside].mean())
    return np.array([np.log(voxels + 1), sure, float(np.log1p(doubt / voxels)), *middle])


def unlike_the_others(seen: Mapping[str, NDArray[np.float64]]) -> frozenset[str]:
    """Cases whose predictions are unlike those of the others; none where there are fewer than 8.

    Args:
        seen: `traits` of all cases.
    """
    if len(seen) < _FEWEST:
        return frozenset()
    table = np.stack(list(seen.values()))
    middle = np.median(table, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(table - middle), axis=0), _SPREAD)
    odd = np.sqrt((((table - middle) / spread) ** 2).mean(axis=1))
    return frozenset(name for name, value in zip(seen, odd.tolist(), strict=True) if value > _LIMIT)
