"""Places where a label and a prediction differ by more than where a boundary runs, each judged by itself.

A hard case has many of them, and in an easy one, too, the network is wrong here and there. So the few trusted
cases show many places where the prediction was wrong, beside those where an error was simulated.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.auditing.agreement import agreement
from alcseg.auditing.evidence import of_label
from alcseg.boxes import bounding_box
from alcseg.fast import components, distance_within
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["PATCH_NAMES", "Patch", "benefit", "find_patches", "patched"]

_DEEP_VOXELS = 2.0
_AROUND_VOXELS = 3.0
_FAR_VOXELS = 30.0  # stands for the depth in a class that is predicted everywhere
_MARGIN = 4
_SMALLEST_VOXELS = 8

PATCH_NAMES = (
    "volume", "share", "depth", "deepest", "sureness", "margin", "extra", "exchanged", "empty_slices",
    "contact", "fill", "union", "confidence", "spread",
)  # fmt: skip
"""What the numbers of a patch are; lengths are in voxels of the finest spacing."""


@dataclass(frozen=True, eq=False)
class Patch:
    """One connected place where the prediction could replace the label.

    Attributes:
        box: Where it lies in the case.
        mask: Its voxels within the box.
        row: What is known of it, one number for each of `PATCH_NAMES`.
    """

    box: tuple[slice, ...]
    mask: Mask
    row: NDArray[np.float32]


def find_patches(probs: FloatArray, label: LabelMap, spacing: Spacing) -> list[Patch]:
    """Places that differ deep inside of what is predicted, with what differs around them.

    Deep is more than 2 voxels from any boundary of the prediction; what differs within 3 voxels of such a
    voxel belongs to its place. Boundaries that were drawn a little off are no such place.

    Args:
        probs: Class probabilities, `(K, X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
    """
    pred = probs.argmax(0)
    occupied = (label > 0) | (pred > 0)
    if not occupied.any():
        return []
    whole = bounding_box(occupied, _MARGIN)
    probs, pred, label = probs[(slice(None), *whole)], pred[whole], label[whole]
    voxel = min(spacing)
    differ = label != pred
    depth = np.zeros(label.shape, np.float32)
    for index in np.unique(pred[differ]):
        inside = pred == index
        depth[inside] = np.nan_to_num(distance_within(inside, spacing)[inside], posinf=_FAR_VOXELS * voxel)
    deep = differ & (depth > _DEEP_VOXELS * voxel)
    if not deep.any():
        return []
    near = differ & (distance_within(~deep, spacing) <= _AROUND_VOXELS * voxel)
    pieces, _ = components(near)
    about = _About(probs, pred, label, depth / voxel)
    patches = []
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        mask = pieces[box] == number
        if mask.sum() >= _SMALLEST_VOXELS:
            place = tuple(
                slice(part.start + start.start, part.stop + start.start)
                for part, start in zip(box, whole, strict=True)
            )
            patches.append(Patch(place, mask, about.row(box, mask)))
    return patches


def patched(label: LabelMap, pred: LabelMap, patches: Iterable[Patch]) -> LabelMap:
    """The given label with the prediction in the places of patches.

    Args:
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        pred: Predicted classes, same shape.
        patches: Of the two.
    """
    mended = label.copy()
    for patch in patches:
        mended[patch.box][patch.mask] = pred[patch.box][patch.mask]
    return mended


def benefit(patch: Patch, label: LabelMap, pred: LabelMap, truth: LabelMap) -> float:
    """Share of its voxels that the prediction has right, less the share that the label has; from -1 to 1."""
    given, seen, right = (part[patch.box][patch.mask] for part in (label, pred, truth))
    return float((seen == right).mean() - (given == right).mean())


class _About:
    """A case, and what of it every patch needs."""

    def __init__(self, probs: FloatArray, pred: LabelMap, label: LabelMap, depth: FloatArray) -> None:
        self.pred, self.label, self.depth = pred, label, depth
        self.sure = probs.max(0)
        self.of_given = of_label(probs, label)
        self.organ = max(int((pred > 0).sum()), int((label > 0).sum()), 1)
        self.union = agreement(label > 0, pred > 0)
        self.confidence = float(self.sure[pred > 0].mean()) if (pred > 0).any() else 0.0
        axes = ((1, 2), (0, 2), (0, 1))
        self.drawn: list[Mask] = [np.any(label > 0, axis=others) for others in axes]
        self.seen: list[Mask] = [np.any(pred > 0, axis=others) for others in axes]

    def row(self, box: tuple[slice, ...], mask: Mask) -> NDArray[np.float32]:
        """What is known of one patch."""
        pred, label, depth = (part[box][mask] for part in (self.pred, self.label, self.depth))
        sure, of_given = self.sure[box][mask], self.of_given[box][mask]
        voxels = int(mask.sum())
        extra = float((pred == 0).mean())
        there = self.seen if extra > 0.5 else self.drawn
        empty = max(
            float((mask.sum(axis=others) * ~there[axis][box[axis]]).sum()) / voxels
            for axis, others in enumerate(((1, 2), (0, 2), (0, 1)))
        )
        wide = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in box)
        low = [part.start - outer.start for part, outer in zip(box, wide, strict=True)]
        own = np.zeros(self.pred[wide].shape, bool)
        own[tuple(slice(at, at + size) for at, size in zip(low, mask.shape, strict=True))] = mask
        rim = ndimage.binary_dilation(own) & ~own
        same = (self.label[wide] == self.pred[wide]) & (self.label[wide] > 0)
        return np.array(
            [
                np.log(voxels),
                voxels / self.organ,
                depth.mean(),
                depth.max(),
                sure.mean(),
                (sure - of_given).mean(),
                extra,
                float(((pred > 0) & (label > 0)).mean()),
                empty,
                float(same[rim].mean()) if rim.any() else 0.0,
                voxels / mask.size,
                self.union,
                self.confidence,
                sure.std(),
            ],
            np.float32,
        )
