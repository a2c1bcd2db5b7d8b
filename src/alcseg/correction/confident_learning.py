"""Confident learning: which labels disagree with what a model says more often than its errors explain.

Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70, 2021, doi:10.1613/jair.1.12125. The mean
probability of class k over the voxels labeled k is its threshold; a voxel counts as confidently j where the
probability of j reaches that of the class. Counts of (label, confident class), scaled to the number of
labels, say how many labels of each class are wrong, and so many of the least credible are flagged.

Differences from the paper: flags equal those of `find_label_issues` in cleanlab >= 2.6 with its default
options, but of voxels with equal scores at a cut the first are flagged. With fewer than two classes among the
labels nothing is flagged. A stream takes three passes over the voxels, and a few more to find cuts by
counting (`KthSmallest`), so a dataset can be read volume by volume; its thresholds are exact sums, those in
memory rounded ones, which differ in the last bit at most.

Public code consulted to settle doubts: cleanlab 2.9 (order of operations where the last bit decides).
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alcseg.correction.confident_at_once import issues_at_once
from alcseg.correction.confident_joint import MARGIN, NEVER, label_quotas
from alcseg.correction.order_statistics import KthSmallest
from alcseg.errors import LabelError, ShapeError

__all__ = ["Prune", "find_label_issues", "stream_label_issues"]

Prune = Literal["prune_by_class", "prune_by_noise_rate", "both"]
"""Least probable labels of each class, largest margins for each pair of classes, or what both flag."""

_BLOCK = 2**16  # voxels whose values fit in the cache of a core
_HOLD = 2**22  # values collected to find one cut; 32 MB


def find_label_issues(
    label: Tensor, probs: Tensor, *, prune: Prune = "prune_by_class", mask: Tensor | None = None
) -> Tensor:
    """Flag labels that are probably wrong.

    Args:
        label: Given class indices, `(N,)` or `(B, X, Y, Z)`.
        probs: Class probabilities by a model that should not have learned these labels by heart, `(N, K)` or
            `(B, K, X, Y, Z)`; compared in float64.
        prune: How voxels are ranked; for K = 2 all give the same flags.
        mask: Voxels that count, bool, of the shape of `label`; all where None. The others are not flagged.

    Returns:
        Flags, bool, of the shape of `label`.

    Raises:
        ShapeError: If the shapes do not fit.
        LabelError: If a label is not a class index.
    """
    _check(label, probs)
    chosen = slice(None) if mask is None else mask.flatten()
    found = issues_at_once(
        label.flatten()[chosen],
        [column.flatten()[chosen] for column in probs.unbind(1)],
        by_class=prune != "prune_by_noise_rate",
        by_noise_rate=prune != "prune_by_class",
    )
    if mask is None:
        return found.reshape(label.shape)
    flags = torch.zeros_like(label, dtype=torch.bool)
    flags[mask] = found
    return flags


def stream_label_issues(
    chunks: Iterable[tuple[Tensor, Tensor]], *, num_classes: int, prune: Prune = "prune_by_class"
) -> Iterator[Tensor]:
    """Flags of many volumes as if they were one, with one of them in memory at a time.

    Args:
        chunks: Label and class probabilities of each volume, shapes as in `find_label_issues`. Iterated
            several times; each time it must yield the same.
        num_classes: K, background counted.
        prune: How voxels are ranked.

    Yields:
        Flags of each volume, in order.

    Raises:
        ShapeError: If shapes do not fit.
        LabelError: If a label is not a class index.
    """
    rankings = _rank(_Stream(chunks), num_classes, prune)
    for label, probs in chunks:
        flags = [_flag(block, rankings) for block in _blocks(label, probs)]
        yield torch.cat(flags).reshape(label.shape)


class _Voxels:
    """Labels `(N,)` and probabilities `(K, N)` of some voxels."""

    def __init__(self, label: Tensor, probs: Tensor) -> None:
        self.label = label.to(torch.uint8 if len(probs) <= 256 else torch.int32)
        self._probs = probs

    def of_class(self, index: int) -> Tensor:
        """Probability of one class, `(N,)` float64."""
        return self._probs[index].double()

    @cached_property
    def own(self) -> Tensor:
        """Probability of the given label, `(N,)` float64."""
        return self._probs.gather(0, self.label.long()[None])[0].double()

    @cached_property
    def beaten(self) -> Tensor:
        """Whether another class is more probable than the given one by more than the margin, `(N,)`."""
        own = self.own + MARGIN
        beaten = torch.zeros_like(own, dtype=torch.bool)
        for index in range(len(self._probs)):
            other = self.of_class(index)
            beaten |= other > own
            if index < len(self._probs) - 1:  # the first of equals is the prediction
                beaten |= (other == own) & (self.label > index)
        return beaten


class _Stream:
    """Passes over all blocks of all volumes."""

    def __init__(self, chunks: Iterable[tuple[Tensor, Tensor]]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[_Voxels]:
        for label, probs in self._chunks:
            yield from _blocks(label, probs)


class _Ranking:
    """The `quota` lowest scores among the voxels of one label.

    A score is the probability of the label or, with `other`, its lead over that class.
    """

    def __init__(self, given: int, other: int | None, limit: float, quota: int, count: int) -> None:
        self.given = given
        self.other = other
        self.limit = limit
        self.search = KthSmallest(quota, count, hold=_HOLD)

    def see(self, voxels: _Voxels) -> None:
        """Take in one block in the search of the cut."""
        self.search.see(self._scores(voxels, self._position(voxels)))

    def take(self, voxels: _Voxels) -> Tensor:
        """Positions of the voxels to flag, of all labels that are beaten at least."""
        position = self._position(voxels)
        if self.search.takes_all_ties:
            position = position[voxels.beaten[position]]
        return position[self.search.take(self._scores(voxels, position))]

    def _position(self, voxels: _Voxels) -> Tensor:
        chosen = voxels.label == self.given
        if self.limit < torch.inf:
            chosen &= voxels.own <= self.limit
        return chosen.nonzero().squeeze(1)

    def _scores(self, voxels: _Voxels, position: Tensor) -> Tensor:
        scores = voxels.own[position]
        return scores if self.other is None else scores - voxels.of_class(self.other)[position]


def _check(label: Tensor, probs: Tensor) -> None:
    num_classes = probs.shape[1] if probs.ndim > 1 else 0
    if tuple(probs.shape) != (*label.shape[:1], num_classes, *label.shape[1:]):
        raise ShapeError(
            f"label {tuple(label.shape)}, probabilities {tuple(probs.shape)}: expected the shape of the "
            "label with the classes as second axis."
        )
    if not label.numel():
        return
    low, high = (int(value) for value in label.aminmax())
    if not 0 <= low <= high < num_classes:
        raise LabelError(f"label values {low} to {high}: expected 0 to {num_classes - 1}.")


def _blocks(label: Tensor, probs: Tensor) -> Iterator[_Voxels]:
    """The voxels of one volume or batch, in order, in pieces that the processor's cache holds."""
    _check(label, probs)
    size = max(label.numel(), 1) if label.is_cuda else _BLOCK
    whole = [(label, probs.t())] if label.ndim == 1 else zip(label.flatten(1), probs.flatten(2), strict=True)
    for labels, rows in whole:
        for start in range(0, max(len(labels), 1), size):
            yield _Voxels(labels[start : start + size], rows[:, start : start + size])


def _rank(passes: Iterable[_Voxels], num_classes: int, prune: Prune) -> list[list[_Ranking]]:
    """Rankings with their cuts, by mode; flagged is what all modes flag. A loop over `passes` is a pass."""
    counts, thresholds, limits = _survey(passes, num_classes)
    joint, near = np.zeros((num_classes, num_classes), np.int64), [0] * num_classes
    for voxels in passes:
        joint += _confident_joint(voxels, thresholds)
        close = (voxels.own <= max(limits)).nonzero().squeeze(1)
        own, label = voxels.own[close], voxels.label[close]
        for given, limit in enumerate(limits):
            near[given] += int(((label == given) & (own <= limit)).sum())
    quotas = label_quotas(joint, counts)
    several = np.count_nonzero(counts) > 1
    labels = [given for given in range(num_classes) if several and counts[given] > 1]
    rankings: list[list[_Ranking]] = []
    if prune != "prune_by_noise_rate" or num_classes == 2:
        # Labels more probable than the limit are none of them beaten, so their rank does not matter.
        rankings.append(
            [
                _Ranking(given, None, limits[given], quota, near[given])
                for given in labels
                if (quota := int(counts[given] - quotas[given, given])) > 0
            ]
        )
    if prune != "prune_by_class" and num_classes > 2:
        rankings.append(
            [
                _Ranking(given, other, torch.inf, quota, int(counts[given]))
                for given in labels
                for other in range(num_classes)
                if other != given and (quota := int(quotas[given, other])) > 0
            ]
        )
    every = [ranking for mode in rankings for ranking in mode]
    while searching := [ranking for ranking in every if not ranking.search.done]:
        for voxels in passes:
            for ranking in searching:
                ranking.see(voxels)
        for ranking in searching:
            ranking.search.end_pass()
    return rankings


def _flag(voxels: _Voxels, rankings: list[list[_Ranking]]) -> Tensor:
    """Flags `(N,)` of the next block."""
    flags = voxels.beaten.clone()
    for mode in rankings:
        lowest = torch.zeros_like(flags)
        for ranking in mode:
            lowest[ranking.take(voxels)] = True
        flags &= lowest
    return flags


def _survey(
    passes: Iterable[_Voxels], num_classes: int
) -> tuple[NDArray[np.int64], list[float], list[float]]:
    """By class: number of labels, threshold, and the highest probability of a label that is beaten."""
    counts = np.zeros(num_classes, np.int64)
    sums = [Fraction(0)] * num_classes
    limits = [-torch.inf] * num_classes
    for voxels in passes:
        beaten = voxels.beaten.nonzero().squeeze(1)
        own, label = voxels.own[beaten], voxels.label[beaten]
        # Sums of multiples of 2^-26 and of 2^-52 are exact, so thresholds do not depend on the blocks.
        coarse = (voxels.own + 2.0**26) - 2.0**26
        fine = (voxels.own - coarse + 1) - 1
        for given in range(num_classes):
            labeled = voxels.label == given
            counts[given] += int(labeled.count_nonzero())
            weight = labeled.double()
            for part in (coarse, fine):
                total = float(weight @ part)
                sums[given] += Fraction(total) if np.isfinite(total) else 0
            found = own[label == given]
            if len(found):
                limits[given] = max(limits[given], float(found.max()))
    thresholds = [
        max(float(total / count), 2 * MARGIN) if count else NEVER
        for total, count in zip(sums, counts.tolist(), strict=True)
    ]
    return counts, thresholds, limits


def _confident_joint(voxels: _Voxels, thresholds: list[float]) -> NDArray[np.int64]:
    """Number of voxels by label and confident class, `(K, K)`."""
    num_classes = len(thresholds)
    passed = torch.zeros_like(voxels.label)  # how many classes reach their threshold
    first = torch.zeros_like(passed)
    likeliest = torch.zeros_like(passed)
    best = voxels.of_class(0)
    for index, threshold in enumerate(thresholds):
        probs = voxels.of_class(index)
        confident = probs >= threshold - MARGIN
        if index > 0:
            first.masked_fill_(confident & (passed == 0), index)
            likeliest.masked_fill_(probs > best, index)
            best = torch.maximum(best, probs)
        passed += confident
    guess = torch.where(passed > 1, likeliest, first)
    cell = voxels.label.to(torch.int32) * num_classes + guess
    cell.masked_fill_(passed == 0, num_classes**2)
    found: NDArray[np.int64] = cell.bincount(minlength=num_classes**2 + 1).cpu().numpy()
    joint: NDArray[np.int64] = found[:-1].reshape(num_classes, num_classes)
    return joint
