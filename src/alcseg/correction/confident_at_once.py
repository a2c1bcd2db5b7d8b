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

_BLOCK = 2**16  # voxels whose probabilities fit into the cache of a core


def issues_at_once(label: Tensor, columns: list[Tensor], *, by_class: bool, by_noise_rate: bool) -> Tensor:
    """Flags `(N,)` of all voxels.

    Args:
        label: Class indices `(N,)`.
        columns: Probability of each class, `(N,)` each.
        by_class: Flag among the least probable labels of each class.
        by_noise_rate: Flag among the largest leads of each other class; with `by_class`, what both flag.
    """
    classes = len(columns)
    flags = torch.zeros(len(label), dtype=torch.bool, device=label.device)
    # Voxels of one label lie together from here on, so that no class looks at those of the others.
    small = label.to(torch.uint8) if classes <= 256 else label
    places = [_places(small == given) for given in range(classes)]
    counts = np.array([len(place) for place in places])
    if np.count_nonzero(counts) < 2:
        return flags
    groups = _probabilities_at(places, columns)
    quotas = label_quotas(_confident_joint(groups), counts)
    for given, (place, probs) in enumerate(zip(places, groups, strict=True)):
        if counts[given] < 2:
            continue
        doubtful = _places(_beaten(probs, given))
        chosen = torch.ones_like(doubtful, dtype=torch.bool)
        if by_class or classes == 2:
            chosen &= _among_lowest(probs[given], doubtful, int(counts[given] - quotas[given, given]))
        if by_noise_rate and classes > 2:
            leading = torch.zeros_like(chosen)
            for other in range(classes):
                if other != given and quotas[given, other] > 0:
                    lag = probs[given] - probs[other]
                    leading |= _among_lowest(lag, doubtful, int(quotas[given, other]))
            chosen &= leading
        flagged = doubtful.index_select(0, _places(chosen))
        flags.index_fill_(0, place.index_select(0, flagged), True)
    return flags


def _places(mask: Tensor) -> Tensor:
    """Where a mask holds, ascending."""
    if mask.device.type != "cpu":
        return mask.nonzero().squeeze(1)
    return torch.from_numpy(np.flatnonzero(mask.numpy()))  # several times as fast on a processor


def _count(mask: Tensor) -> int:
    """How often a mask holds."""
    if mask.device.type != "cpu":
        return int(mask.count_nonzero())
    return int(np.count_nonzero(mask.numpy()))  # several times as fast on a processor


def _probabilities_at(places: list[Tensor], columns: list[Tensor]) -> list[list[Tensor]]:
    """By label: the probability of each class at its places, float64.

    A processor goes through blocks that its cache holds: rows of K probabilities would be read from memory
    again for each class of each label.
    """
    if columns[0].device.type != "cpu":
        return [[column.index_select(0, place).double() for column in columns] for place in places]
    groups = [np.empty((len(columns), len(place))) for place in places]
    for start in range(0, len(columns[0]), _BLOCK):
        block = [column[start : start + _BLOCK].double().contiguous().numpy() for column in columns]
        for place, group in zip(places, groups, strict=True):
            first, last = np.searchsorted(place.numpy(), (start, start + _BLOCK))
            here = place.numpy()[first:last] - start
            for values, found in zip(block, group, strict=True):
                np.take(values, here, out=found[first:last], mode="clip")  # "raise" would buffer
    return [list(torch.from_numpy(group)) for group in groups]


def _beaten(probs: list[Tensor], given: int) -> Tensor:
    """Where voxels of a label are predicted as another class, `argmax(p + margin [label]) != label`."""
    own = probs[given] + MARGIN
    beaten = torch.zeros_like(own, dtype=torch.bool)
    for index, other in enumerate(probs):
        if index != given:
            beaten |= other >= own if index < given else other > own  # the first of equals is predicted
    return beaten


def _confident_joint(groups: list[list[Tensor]]) -> NDArray[np.int64]:
    """Number of voxels by label and confident class, `(K, K)`."""
    thresholds = [
        max(float(probs[given].mean()), 2 * MARGIN) if len(probs[given]) else NEVER
        for given, probs in enumerate(groups)
    ]
    return np.array([_confident_guesses(probs, thresholds) for probs in groups])


def _confident_guesses(probs: list[Tensor], thresholds: list[float]) -> list[int]:
    """Number of voxels by confident class."""
    passed = [one >= limit - MARGIN for one, limit in zip(probs, thresholds, strict=True)]
    several = torch.zeros_like(passed[0])  # more than one class reaches its threshold
    one = torch.zeros_like(passed[0])
    for mask in passed:
        several |= one & mask
        one |= mask
    alone = ~several
    found = np.array([_count(mask & alone) for mask in passed])
    position = _places(several)
    if len(position):
        likeliest = torch.stack([values[position] for values in probs]).argmax(0)
        found += likeliest.bincount(minlength=len(probs)).cpu().numpy()
    counts: list[int] = found.tolist()
    return counts


def _among_lowest(scores: Tensor, doubtful: Tensor, quota: int) -> Tensor:
    """Which doubtful voxels of a label have one of its `quota` lowest scores; of ties the first."""
    own = scores.index_select(0, doubtful)
    if quota <= 0 or not len(own):
        return torch.zeros_like(own, dtype=torch.bool)
    if quota >= len(scores):
        return torch.ones_like(own, dtype=torch.bool)
    position = _places(scores <= own.max())  # a rank among these is a rank among all
    if quota >= len(position):
        return torch.ones_like(own, dtype=torch.bool)
    values = scores.index_select(0, position)
    cut = kth_smallest(values, quota)
    room = quota - _count(values < cut)
    last = position[_places(values == cut)[room - 1]]
    return (own < cut) | ((own == cut) & (doubtful <= last))
