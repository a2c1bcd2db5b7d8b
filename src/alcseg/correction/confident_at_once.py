"""Confident learning on voxels that are all in memory; `confident_learning.py` says what it is.

A voxel can only be flagged where another class beats its label, and those voxels are few. So thresholds and
the confident joint are counted over all voxels, and ranks are looked up among few of them wherever that gives
the same flags.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alcseg.correction.confident_joint import MARGIN, NEVER, label_quotas
from alcseg.correction.order_statistics import kth_smallest

__all__ = ["issues_at_once"]


def issues_at_once(label: Tensor, columns: list[Tensor], *, by_class: bool, by_noise_rate: bool) -> Tensor:
    """Flags `(N,)` of all voxels.

    Args:
        label: Class indices `(N,)`.
        columns: Probability of each class, float64 `(N,)` each.
        by_class: Flag among the least probable labels of each class.
        by_noise_rate: Flag among the largest leads of each other class; with `by_class`, what both flag.
    """
    classes = len(columns)
    labeled = [label == given for given in range(classes)]
    counts = np.array([int(mask.count_nonzero()) for mask in labeled])
    beaten = [_beaten(labeled[given], columns, given).nonzero().squeeze(1) for given in range(classes)]
    flags = torch.zeros_like(labeled[0])
    if np.count_nonzero(counts) < 2:
        return flags
    quotas = label_quotas(_confident_joint(labeled, columns, counts), counts)
    for given in range(classes):
        if counts[given] < 2:
            continue
        doubtful = beaten[given]
        chosen = torch.ones_like(doubtful, dtype=torch.bool)
        if by_class or classes == 2:
            wrong = int(counts[given] - quotas[given, given])
            chosen &= _among_lowest(columns[given], labeled[given], doubtful, wrong)
        if by_noise_rate and classes > 2:
            leading = torch.zeros_like(chosen)
            for other in range(classes):
                if other != given and quotas[given, other] > 0:
                    lag = columns[given] - columns[other]
                    leading |= _among_lowest(lag, labeled[given], doubtful, int(quotas[given, other]))
            chosen &= leading
        flags[doubtful[chosen]] = True
    return flags


def _beaten(labeled: Tensor, columns: list[Tensor], given: int) -> Tensor:
    """Where voxels of a label are predicted as another class, `argmax(p + margin [label]) != label`."""
    own = columns[given] + MARGIN
    beaten = torch.zeros_like(labeled)
    for other, probs in enumerate(columns):
        if other != given:
            beaten |= probs >= own if other < given else probs > own  # the first of equals is predicted
    return beaten & labeled


def _confident_joint(
    labeled: list[Tensor], columns: list[Tensor], counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Number of voxels by label and confident class, `(K, K)`."""
    thresholds = [
        max(float(probs @ mask.double()) / int(count), 2 * MARGIN) if count else NEVER
        for probs, mask, count in zip(columns, labeled, counts, strict=True)
    ]
    passed = [probs >= limit - MARGIN for probs, limit in zip(columns, thresholds, strict=True)]
    several = torch.zeros_like(passed[0])  # more than one class reaches its threshold
    one = torch.zeros_like(passed[0])
    for mask in passed:
        several |= one & mask
        one |= mask
    alone = ~several
    guesses = [mask & alone for mask in passed]
    position = several.nonzero().squeeze(1)
    if len(position):
        likeliest = torch.stack([probs[position] for probs in columns]).argmax(0)
        for index, guess in enumerate(guesses):
            guess[position] = likeliest == index
    return np.array([[int((mask & guess).count_nonzero()) for guess in guesses] for mask in labeled])


def _among_lowest(scores: Tensor, labeled: Tensor, doubtful: Tensor, quota: int) -> Tensor:
    """Which doubtful voxels have one of the `quota` lowest scores of their label; of ties the first."""
    own = scores[doubtful]
    if quota <= 0 or not len(own):
        return torch.zeros_like(own, dtype=torch.bool)
    near = labeled & (scores <= own.max())  # a rank among these is a rank among all
    position = near.nonzero().squeeze(1)
    if quota >= len(position):
        return torch.ones_like(own, dtype=torch.bool)
    values = scores[position]
    cut = kth_smallest(values, quota)
    room = quota - int((values < cut).count_nonzero())
    last = position[values == cut][room - 1]
    return (own < cut) | ((own == cut) & (doubtful <= last))
