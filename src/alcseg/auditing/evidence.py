"""What an out-of-fold prediction says of a given label, as numbers that a judge can learn from.

No number here decides anything. A network that was trained for minutes is wrong in many voxels itself; how
it disagrees with right labels, and how with wrong ones, is learned from simulated errors of the same set
(`simulate.py`, `judge.py`).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.auditing.agreement import agreement
from alcseg.boxes import bounding_box, middle_of
from alcseg.distances import signed_distance
from alcseg.fast import components
from alcseg.metrics.surface import surface
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["NAMES", "entropy", "evidence", "of_label"]

_MARGIN = 4  # voxels around label and prediction that are looked at
_BAND = 2.0  # voxels on either side of a boundary
_OFFSETS = np.arange(-4.0, 4.5, 0.5)  # of the boundary, voxels
_SOFTNESS = 0.1  # of the soft minimum over voxels, as in cleanlab
_FAR = 30.0  # voxels; stands for the distance to a class that is not there


def evidence(probs: FloatArray, label: LabelMap, spacing: Spacing) -> NDArray[np.float32]:
    """Numbers about each foreground class of a given label.

    Args:
        probs: Class probabilities of a network that never saw the case, `(K, X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.

    Returns:
        `(K - 1, len(NAMES))`; finite everywhere.
    """
    pred = probs.argmax(0)
    occupied = (label > 0) | (pred > 0)
    box = bounding_box(occupied, _MARGIN) if occupied.any() else (slice(None),) * 3
    near = _Case(probs[(slice(None), *box)], label[box], spacing)
    rows = []
    for index in range(1, len(probs)):
        one = near.of_class(index)
        found = [measure(near, one) for measure in _MEASURES.values()]
        found.append(_mirrored(label == index, pred == index) - one.dice)
        rows.append(found)
    return np.nan_to_num(np.array(rows, np.float32), nan=0.0, posinf=_FAR, neginf=-_FAR)


def of_label(probs: FloatArray, label: LabelMap) -> FloatArray:
    """Probability of the class that a label gives to each voxel, `(X, Y, Z)`."""
    found: FloatArray = np.take_along_axis(probs, label[None].astype(np.intp), 0)[0]
    return found


def entropy(probs: FloatArray) -> FloatArray:
    """Entropy of the classes at each voxel in nats, `(X, Y, Z)`; class by class, to save memory."""
    found: FloatArray = np.zeros(probs.shape[1:], probs.dtype)
    for plane in probs:
        found -= plane * np.log(np.clip(plane, 1e-6, 1))
    return found


class _Case:
    """A case within its box: probabilities, label, and what all classes share."""

    def __init__(self, probs: FloatArray, label: LabelMap, spacing: Spacing) -> None:
        self.probs = probs
        self.label = label
        self.spacing = spacing
        self.voxel = min(spacing)
        self.pred = probs.argmax(0)
        self.of_given = of_label(probs, label)
        given, seen = label > 0, self.pred > 0
        self.union = agreement(given, seen)
        self.to_given, self.to_seen = self.distance(given), self.distance(seen)
        by_offset = [agreement(self.to_given <= offset, seen) for offset in _OFFSETS]
        best = int(np.argmax(by_offset))
        self.union_gain = by_offset[best] - self.union
        self.union_offset = float(_OFFSETS[best])
        doubt = np.exp((1 - self.of_given) / _SOFTNESS)
        self.soft_minimum = float((self.of_given * doubt).sum() / doubt.sum())
        band = (np.abs(self.to_given) <= _BAND) | (np.abs(self.to_seen) <= _BAND)
        self.band = _mean(self.of_given[band], 1.0)
        self.confidence = _mean(probs.max(0)[given | seen], 1.0)
        self.entropy = _mean(entropy(probs)[band], 0.0)

    def of_class(self, index: int) -> "_Class":
        """One class of it."""
        return _Class(self, index)

    def distance(self, mask: Mask) -> NDArray[np.float32]:
        """Signed distance in voxels of the finest spacing."""
        far = signed_distance(mask, self.spacing) / np.float32(self.voxel)
        clipped: NDArray[np.float32] = np.clip(far, -_FAR, _FAR)
        return clipped


class _Class:
    """One class of a case: given and predicted mask, and the distances to their boundaries."""

    def __init__(self, case: _Case, index: int) -> None:
        self.index = index
        self.given: Mask = case.label == index
        self.seen: Mask = case.pred == index
        self.probs = case.probs[index]
        alone = len(case.probs) == 2  # then the class is all that is drawn
        self.to_given = case.to_given if alone else case.distance(self.given)
        self.to_seen = case.to_seen if alone else case.distance(self.seen)
        self.both = bool(self.given.any() and self.seen.any())
        self.dice = agreement(self.given, self.seen)
        self.by_offset = [agreement(self.to_given <= offset, self.seen) for offset in _OFFSETS]
        self.best = int(np.argmax(self.by_offset))
        self.rim = surface(self.given)
        self.smooth: Mask = ndimage.gaussian_filter(self.given.astype(np.float32), 1.0) > 0.5
        self.deviation = self.to_seen[self.rim] if self.both else np.zeros(1, np.float32)
        self.missing = self.seen & ~self.given
        self.extra = self.given & ~self.seen
        self.missing_piece = self._largest_piece(self.missing, self.to_given)
        self.extra_piece = self._largest_piece(self.extra, self.to_seen)
        self.shift = self._best_shift(case) if self.both else (self.dice, 0.0)
        self.profiles = [
            (self.given.sum(axis=others), self.seen.sum(axis=others)) for others in ((1, 2), (0, 2), (0, 1))
        ]

    def _largest_piece(self, only: Mask, far: NDArray[np.float32]) -> tuple[float, float]:
        """Share and depth of the largest connected piece that only one of label and prediction has."""
        if not only.any():
            return 0.0, 0.0
        pieces, _ = components(only)
        sizes = np.bincount(pieces.ravel())[1:]
        largest = pieces == int(sizes.argmax()) + 1
        share = float(sizes.max() / max(int(self.given.sum()), int(self.seen.sum()), 1))
        return share, float(np.abs(far[largest]).max())

    def _best_shift(self, case: _Case) -> tuple[float, float]:
        """Dice with the label moved by the whole voxels that fit best, and how far that is.

        The spectrum tells a move but for whole lengths of the box: the one nearest to that of the middle.
        """
        spectrum = np.conj(np.fft.rfftn(self.given.astype(np.float32)))
        spectrum = spectrum * np.fft.rfftn(self.seen.astype(np.float32))
        overlap = np.fft.irfftn(spectrum, s=self.given.shape, axes=(0, 1, 2))
        at = np.array(np.unravel_index(int(overlap.argmax()), overlap.shape))
        apart = middle_of(self.seen) - middle_of(self.given)
        size = np.array(overlap.shape)
        steps = at - size * np.round((at - apart) / size)
        length = float(np.linalg.norm(steps * case.spacing)) / case.voxel
        return float(2 * overlap.max() / (self.given.sum() + self.seen.sum())), length


def _soft_dice(case: _Case, one: _Class) -> float:
    total = one.probs.sum() + one.given.sum()
    return float(2 * (one.probs * one.given).sum() / max(total, 1e-6))


def _near_band(case: _Case, one: _Class) -> float:
    band = (np.abs(one.to_given) <= _BAND) | (np.abs(one.to_seen) <= _BAND)
    return _mean(case.of_given[band], 1.0)


def _missing_slices(case: _Case, one: _Class) -> float:
    """Largest share of the prediction, by axis, that lies in slices without label."""
    return max(float(seen[given == 0].sum()) for given, seen in one.profiles) / max(int(one.seen.sum()), 1)


def _extra_slices(case: _Case, one: _Class) -> float:
    return max(float(given[seen == 0].sum()) for given, seen in one.profiles) / max(int(one.given.sum()), 1)


def _inner_gaps(case: _Case, one: _Class) -> float:
    """Empty slices between labeled ones, along the axis that has most."""
    gaps = [0]
    for given, _ in one.profiles:
        occupied = np.flatnonzero(given)
        if occupied.size:
            gaps.append(int((given[occupied[0] : occupied[-1] + 1] == 0).sum()))
    return float(max(gaps))


def _others(case: _Case, one: _Class) -> list[int]:
    return [index for index in range(1, len(case.probs)) if index != one.index]


_MEASURES: dict[str, Callable[[_Case, _Class], float]] = {
    "dice": lambda case, one: one.dice,
    "soft_dice": _soft_dice,
    "precision": lambda case, one: _mean(one.seen[one.given].astype(float), 0.0),
    "recall": lambda case, one: _mean(one.given[one.seen].astype(float), 0.0),
    "near_band": _near_band,
    "offset": lambda case, one: float(_OFFSETS[one.best]) if one.both else 0.0,
    "offset_dice": lambda case, one: one.by_offset[one.best],
    "offset_gain": lambda case, one: one.by_offset[one.best] - one.dice,
    "volume_ratio": lambda case, one: float(np.log((one.given.sum() + 5) / (one.probs.sum() + 5))),
    "volume": lambda case, one: float(np.log(one.probs.sum() + 5)),
    "shift_gain": lambda case, one: one.shift[0] - one.dice,
    "shift": lambda case, one: one.shift[1],
    "as_other_class": lambda case, one: max(
        (agreement(case.label == other, one.seen) for other in _others(case, one)), default=0.0
    ),
    "seen_as_other": lambda case, one: max(
        (agreement(one.given, case.pred == other) for other in _others(case, one)), default=0.0
    ),
    "missing_slices": _missing_slices,
    "extra_slices": _extra_slices,
    "inner_gaps": _inner_gaps,
    "missing_share": lambda case, one: one.missing_piece[0],
    "missing_depth": lambda case, one: one.missing_piece[1],
    "missing_sureness": lambda case, one: _mean(one.probs[one.missing], 0.0),
    "extra_share": lambda case, one: one.extra_piece[0],
    "extra_depth": lambda case, one: one.extra_piece[1],
    "extra_sureness": lambda case, one: _mean(1 - one.probs[one.extra], 0.0),
    "roughness": lambda case, one: float(one.rim.sum() / max(int(surface(one.smooth).sum()), 1)),
    "smooth_dice": lambda case, one: agreement(one.given, one.smooth),
    "rim_ratio": lambda case, one: float(np.log((one.rim.sum() + 5) / (surface(one.seen).sum() + 5))),
    "pieces": lambda case, one: float(components(one.given)[1]),
    "not_given": lambda case, one: float(not one.given.any()),
    "not_seen": lambda case, one: float(not one.seen.any()),
    "deviation_mean": lambda case, one: float(one.deviation.mean()),
    "deviation_std": lambda case, one: float(one.deviation.std()),
    "deviation_abs": lambda case, one: float(np.abs(one.deviation).mean()),
    "deviation_95": lambda case, one: float(np.percentile(np.abs(one.deviation), 95)),
    "sureness": lambda case, one: _mean(one.probs[one.seen], 0.0),
    "union": lambda case, one: case.union,
    "union_gain": lambda case, one: case.union_gain,
    "union_offset": lambda case, one: case.union_offset,
    "soft_minimum": lambda case, one: case.soft_minimum,
    "band": lambda case, one: case.band,
    "confidence": lambda case, one: case.confidence,
    "entropy": lambda case, one: case.entropy,
}

NAMES = (*_MEASURES, "mirror_gain")
"""What each number is; those of length are in voxels of the finest spacing."""


def _mirrored(given: Mask, seen: Mask) -> float:
    """Dice of the prediction with the label mirrored in the volume, along the axis that fits best."""
    return max(agreement(np.flip(given, axis), seen) for axis in range(3))


def _mean(values: FloatArray, empty: float) -> float:
    return float(values.mean()) if values.size else empty
