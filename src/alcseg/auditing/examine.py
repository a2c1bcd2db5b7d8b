"""What could be written for a label, and what can be told of it without knowing the truth."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alcseg.auditing.agreement import agreement, class_agreements
from alcseg.auditing.evidence import NAMES, evidence, of_label
from alcseg.auditing.patches import Patch, patched
from alcseg.boxes import bounding_box
from alcseg.correction.offsets import Offsets
from alcseg.correction.proposals import propose
from alcseg.records.audit_trail import Proposal
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["MENDED", "PROPOSALS", "Proposed", "as_given", "examine", "explained"]

PROPOSALS: tuple[Proposal, ...] = get_args(Proposal)
"""The given label, and four ways to mend it."""

MENDED = PROPOSALS[1:]

_MARGIN = 8  # voxels around label and predictions; boundaries are moved by up to 7


@dataclass(frozen=True, eq=False)
class Proposed:
    """What could be written for one label, and what can be told of it without knowing the truth.

    Attributes:
        labels: Classes 0..K-1, `(X, Y, Z)`, by proposal.
        offsets: How the given label was drawn.
        rows: Evidence on each foreground class, `(K - 1, names)`.
    """

    labels: Mapping[Proposal, LabelMap]
    offsets: Offsets
    rows: NDArray[np.float32]

    def changing(self, among: Collection[Proposal]) -> tuple[Proposal, ...]:
        """Those proposals that are not the given label itself."""
        given = self.labels["given"]
        return tuple(name for name in among if not np.array_equal(self.labels[name], given))


def examine(
    probs: NDArray[np.float32],
    refined: LabelMap,
    label: LabelMap,
    spacing: Spacing,
    blur_mm: Tensor | float,
    patches: Sequence[Patch],
    known: Mask | None = None,
) -> Proposed:
    """Make every proposal for a label, and look at each.

    Args:
        probs: Class probabilities of a plain pass, `(K, X, Y, Z)`.
        refined: Classes 0..K-1 by the fused passes, `(X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        blur_mm: See `propose`.
        patches: Places in which the prediction is to replace the label.
        known: Voxels that somebody labeled, bool, `(X, Y, Z)`, in the others all three say background; None
            for all.
    """
    whole_patched = patched(label, probs.argmax(0), patches)
    occupied = (label > 0) | (refined > 0) | (probs[0] < 0.5)
    box = bounding_box(occupied, _MARGIN) if occupied.any() else (slice(None),) * 3
    near, given = probs[(slice(None), *box)], label[box]
    there = None if known is None else known[box]
    mended, offsets = propose(near, refined[box], given, spacing, blur_mm, whole_patched[box], there)
    pred = near.argmax(0)
    rows = [evidence(near, given, spacing), _in_drawn_slices(given, pred, len(probs))]
    rows += [_change(near, pred, given, mended[name]) for name in MENDED]
    whole = {}
    for name, part in mended.items():
        whole[name] = np.zeros_like(label)
        whole[name][box] = part
    return Proposed(whole, offsets, np.hstack(rows))


def as_given(rows: FloatArray) -> NDArray[np.float64]:
    """How well label and prediction agree as they are, mean over classes.

    Args:
        rows: Evidence, `(labels, K - 1, names)`.
    """
    mean: NDArray[np.float64] = rows[..., NAMES.index("dice")].mean(axis=1)
    return mean


def explained(rows: FloatArray) -> NDArray[np.float64]:
    """How well label and prediction agree by the simple error that explains most, mean over classes.

    Args:
        rows: Evidence, `(labels, K - 1, names)`.
    """
    of = {name: rows[..., at] for at, name in enumerate(NAMES)}
    explanations = (
        of["dice"],
        of["offset_dice"],
        of["dice"] + of["shift_gain"],
        of["dice"] + of["mirror_gain"],
        of["as_other_class"],
        rows[..., len(NAMES)],  # in the slices that were drawn
    )
    mean: NDArray[np.float64] = np.max(explanations, axis=0).mean(axis=1)
    return mean


def _in_drawn_slices(given: LabelMap, pred: LabelMap, classes: int) -> NDArray[np.float32]:
    """Dice of label and prediction by class in those slices that hold the class, along the axis that fits.

    1 for a class that the label lacks: no slice holds it, and that it was forgotten explains it all.
    """
    found = []
    for index in range(1, classes):
        drawn, seen = given == index, pred == index
        by_axis = [agreement(drawn, seen)]
        for axis in range(3):
            slices = drawn.any(axis=tuple(other for other in range(3) if other != axis))
            by_axis.append(agreement(drawn.compress(slices, axis), seen.compress(slices, axis)))
        found.append([max(by_axis)])
    return np.array(found, np.float32)


def _change(probs: FloatArray, pred: LabelMap, given: LabelMap, mended: LabelMap) -> NDArray[np.float32]:
    """By class: Dice of a proposal with the given label and with the prediction; how sure the network is."""
    classes, changed = len(probs), given != mended
    margin = 0.0
    if changed.any():
        margin = float((of_label(probs, mended) - of_label(probs, given))[changed].mean())
    with_given, with_pred = (class_agreements(mended, other, classes) for other in (given, pred))
    margins = (margin,) * (classes - 1)
    return np.array(list(zip(with_given, with_pred, margins, strict=True)), np.float32)
