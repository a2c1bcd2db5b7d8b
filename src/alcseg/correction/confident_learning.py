"""Confident learning: which labels disagree with what a model says more often than its errors explain.

Northcutt, Jiang and Chuang, "Confident Learning", JAIR 70, 2021, doi:10.1613/jair.1.12125. The mean
probability of class k over the voxels labeled k is its threshold; a voxel counts as confidently j where the
probability of j reaches that of the class. Counts of (label, confident class), scaled to the number of labels,
say how many labels of each class are wrong, and so many of the least credible are flagged.

Differences from the paper: flags equal those of `find_label_issues` in cleanlab >= 2.6 with its default
options, ties at a cut apart, where the first voxels are flagged. With fewer than two classes among the labels
nothing is flagged. The flags need three passes over the voxels, and a few more to find cuts by counting
(`KthSmallest`), so a dataset can be read volume by volume.

Public code consulted to settle doubts: cleanlab 2.9 (order of operations where the last bit decides).
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alcseg.correction.order_statistics import KthSmallest
from alcseg.errors import LabelError, ShapeError

__all__ = ["Prune", "find_label_issues", "stream_label_issues"]

Prune = Literal["prune_by_class", "prune_by_noise_rate", "both"]
"""Least probable labels of each class, largest margins for each pair of classes, or what both flag."""

_MARGIN = 1e-6  # by which a threshold may be missed and a label be beaten
_NEVER = 2.0  # threshold of a class that no voxel is labeled as


def find_label_issues(label: Tensor, probs: Tensor, *, prune: Prune = "prune_by_class") -> Tensor:
    """Flag labels that are probably wrong.

    Args:
        label: Given class indices, `(N,)` or `(B, X, Y, Z)`.
        probs: Class probabilities by a model that should not have learned these labels by heart, `(N, K)` or
            `(B, K, X, Y, Z)`; compared in float64.
        prune: How voxels are ranked; for K = 2 all give the same flags.

    Returns:
        Flags, bool, of the shape of `label`.

    Raises:
        ShapeError: If the shapes do not fit.
        LabelError: If a label is not a class index.
    """
    (flags,) = _flags([_Voxels(label, probs)], probs.shape[1], prune)
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
    yield from _flags(_Stream(chunks), num_classes, prune)


class _Voxels:
    """Labels and probabilities of one volume, flat, in float64, class by class."""

    def __init__(self, label: Tensor, probs: Tensor) -> None:
        expected = (*label.shape[:1], *probs.shape[1:2], *label.shape[1:])
        if label.ndim < 1 or tuple(probs.shape) != expected:
            raise ShapeError(
                f"label {tuple(label.shape)}, probabilities {tuple(probs.shape)}: expected the shape of the "
                "label with the classes as second axis."
            )
        self.shape = label.shape
        self.label = label.flatten()
        self._probs = probs
        if label.numel() and not 0 <= int(label.min()) <= int(label.max()) < probs.shape[1]:
            raise LabelError(
                f"label from {int(label.min())} to {int(label.max())}: expected class indices from 0 to "
                f"{probs.shape[1] - 1}."
            )

    def of_class(self, index: int) -> Tensor:
        """Probability of one class, `(N,)`."""
        return self._probs[:, index].flatten().double()

    @cached_property
    def own(self) -> Tensor:
        """Probability of the given label, `(N,)`."""
        index = self.label.long().reshape(self.shape).unsqueeze(1)
        return self._probs.gather(1, index).flatten().double()

    @cached_property
    def beaten(self) -> Tensor:
        """Whether another class is more probable than the given one by more than the margin, `(N,)`."""
        own = self.own + _MARGIN
        beaten = torch.zeros_like(own, dtype=torch.bool)
        for index in range(self._probs.shape[1]):
            other = self.of_class(index)
            beaten |= other > own
            beaten |= (other == own) & (self.label > index)  # the first of equals is the prediction
        return beaten


class _Stream:
    def __init__(self, chunks: Iterable[tuple[Tensor, Tensor]]) -> None:
        self._chunks = chunks

    def __iter__(self) -> Iterator[_Voxels]:
        for label, probs in self._chunks:
            yield _Voxels(label, probs)


class _Ranking:
    """Flags the `quota` lowest scores of one class of labels.

    The score is the probability of the label, or its lead over another class.
    """

    def __init__(
        self, given: int, other: int | None, quota: int, count: int, limit: float, hold: int
    ) -> None:
        self.given = given
        self.other = other
        self.limit = limit
        self.search = KthSmallest(quota, count, hold=hold)

    def scores(self, voxels: _Voxels) -> tuple[Tensor, Tensor]:
        """Positions of the voxels that may be flagged, and their scores."""
        position = (voxels.label == self.given) & (voxels.own <= self.limit)
        position = position.nonzero().squeeze(1)
        scores = voxels.own[position]
        if self.other is not None:
            scores = voxels.of_class(self.other)[position].neg_().add_(scores)
        return position, scores


def _flags(passes: Iterable[_Voxels], num_classes: int, prune: Prune) -> Iterator[Tensor]:
    """The whole procedure; each loop over `passes` is one pass."""
    counts, thresholds, limits, largest = _survey(passes, num_classes)
    joint, near = np.zeros((num_classes, num_classes), np.int64), [0] * num_classes
    for voxels in passes:
        joint += _confident_joint(voxels, thresholds)
        for given in range(num_classes):
            near[given] += int(((voxels.label == given) & (voxels.own <= limits[given])).sum())
    quotas = _quotas(joint, counts)
    rankings: list[list[_Ranking]] = []
    several = np.count_nonzero(counts) > 1
    labels = [given for given in range(num_classes) if several and counts[given] > 1]
    if prune != "prune_by_noise_rate" or num_classes == 2:
        # Above the limit all labels agree with the prediction: those are never flagged and need no rank.
        rankings.append(
            [
                _Ranking(given, None, quota, near[given], limits[given], largest)
                for given in labels
                if (quota := int(counts[given] - quotas[given, given])) > 0
            ]
        )
    if prune != "prune_by_class" and num_classes > 2:
        rankings.append(
            [
                _Ranking(given, other, quota, int(counts[given]), torch.inf, largest)
                for given in labels
                for other in range(num_classes)
                if other != given and (quota := int(quotas[given, other])) > 0
            ]
        )
    while searching := [one for each in rankings for one in each if not one.search.done]:
        for voxels in passes:
            for one in searching:
                one.search.see(one.scores(voxels)[1])
        for one in searching:
            one.search.end_pass()
    for voxels in passes:
        flags = voxels.beaten.clone()
        for each in rankings:
            lowest = torch.zeros_like(flags)
            for one in each:
                position, scores = one.scores(voxels)
                lowest[position[one.search.take(scores)]] = True
            flags &= lowest
        yield flags.reshape(voxels.shape)


def _survey(
    passes: Iterable[_Voxels], num_classes: int
) -> tuple[NDArray[np.int64], list[float], list[float], int]:
    """Labels of each class, thresholds, highest probability of a beaten label, and the largest volume."""
    counts = np.zeros(num_classes, np.int64)
    sums = [0.0] * num_classes
    limits = [-torch.inf] * num_classes
    largest = 0
    for voxels in passes:
        largest = max(largest, len(voxels.label))
        own = voxels.own
        beaten = voxels.beaten.nonzero().squeeze(1)
        beaten_own, beaten_label = own[beaten], voxels.label[beaten]
        for given in range(num_classes):
            mask = voxels.label == given
            counts[given] += int(mask.sum())
            sums[given] += float(own[mask].sum())
            found = beaten_own[beaten_label == given]
            if len(found):
                limits[given] = max(limits[given], float(found.max()))
    thresholds = [
        max(total / count, 2 * _MARGIN) if count else _NEVER
        for total, count in zip(sums, counts.tolist(), strict=True)
    ]
    return counts, thresholds, limits, largest


def _confident_joint(voxels: _Voxels, thresholds: list[float]) -> NDArray[np.int64]:
    """Number of voxels by label and confident class, `(K, K)`."""
    num_classes = len(thresholds)
    passed = torch.zeros_like(voxels.label, dtype=torch.uint8)  # classes whose threshold is reached
    first = torch.zeros_like(passed)
    likeliest = torch.zeros_like(passed)
    best = None
    for index, threshold in enumerate(thresholds):
        probs = voxels.of_class(index)
        confident = probs >= threshold - _MARGIN
        first.masked_fill_(confident & (passed == 0), index)
        passed += confident
        if best is None:
            best = probs
        else:
            likeliest.masked_fill_(probs > best, index)
            best = torch.maximum(best, probs)
    guess = torch.where(passed > 1, likeliest, first)
    cell = voxels.label * num_classes + guess
    cell = torch.where(passed > 0, cell, num_classes**2)
    found = cell.bincount(minlength=num_classes**2 + 1)[: num_classes**2]
    return found.reshape(num_classes, num_classes).cpu().numpy()


def _quotas(joint: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
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
    quotas = (rounded - ((kept - diagonal) / others)[:, None]).clip(min=0)
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
