"""Labels that could be written for a case: the given one, and four ways to mend it."""

import numpy as np
import torch
from numpy.typing import NDArray

from alcseg.correction.alignment import GROSS_SHARE, MIN_AGREEMENT, posterior, see_label, shape_error
from alcseg.correction.offsets import Offsets, move_label
from alcseg.records.audit_trail import Proposal
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["propose"]

_VALUES_AT_ONCE = 2**20
"""Probabilities that are weighed at once: weighing takes ten times their memory."""


def propose(
    probs: NDArray[np.float32],
    refined: LabelMap,
    label: LabelMap,
    spacing: Spacing,
    blur_mm: torch.Tensor | float,
    patched: LabelMap,
    known: Mask | None = None,
) -> tuple[dict[Proposal, LabelMap], Offsets]:
    """The labels that could be written for a case, and how the given one was drawn.

    - `given`: as it came.
    - `patched`: replaced by the prediction in places where the two differ by more than where a boundary
      runs; the boundaries that were drawn stay. Mends missing slices, classes exchanged, a class forgotten.
    - `moved`: its boundaries moved to where the network sees them. Mends what is drawn too large or small.
    - `posterior`: moved and weighed with the prediction. Mends ragged boundaries.
    - `refined`: replaced by the fused passes. All that is left for the label of another case.

    Args:
        probs: Class probabilities of a plain pass, `(K, X, Y, Z)`.
        refined: Classes 0..K-1 by the fused passes, `(X, Y, Z)`.
        label: Classes 0..K-1 as given, `(X, Y, Z)`.
        spacing: Voxel size in mm.
        blur_mm: Width in mm within which the network's predictions change across right boundaries.
        patched: The label with the prediction in places where that is judged to be right.
        known: Voxels that somebody labeled, bool, `(X, Y, Z)`; None for all.
    """
    found, distance = see_label(probs, label, spacing, known)
    offset = torch.where(found.dice >= MIN_AGREEMENT, found.mm, 0.0)
    shape = shape_error(found, blur_mm, min(spacing))
    moved, weighed = np.empty_like(label), np.empty_like(label)
    rows_at_once = max(1, _VALUES_AT_ONCE // (probs.size // len(label) or 1))
    for start in range(0, len(label), rows_at_once):
        rows = slice(start, start + rows_at_once)
        near, far = torch.from_numpy(probs[:, rows])[None], distance[:, :, rows]
        moved[rows] = move_label(far, offset)[0].numpy()
        weighed[rows] = posterior(near, far, found.mm, shape, GROSS_SHARE).argmax(1)[0].numpy()
    return {
        "given": label,
        "patched": patched,
        "moved": moved,
        "posterior": weighed,
        "refined": refined,
    }, found
