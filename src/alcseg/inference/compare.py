"""Labels of a case laid side by side, class by class: how they differ, and how sure the passes were."""

from collections.abc import Mapping, Sequence

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.correction.calibration import HeldOutClass
from alcseg.correction.decision import Decision, Look
from alcseg.correction.ranking import ClassChange
from alcseg.fast import distance_within
from alcseg.metrics.label_noise import boundary_shift
from alcseg.metrics.overlap import dice
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["class_changes", "class_uncertainty", "held_out_classes"]

_MARGIN_VOXELS = 3
"""Uncertainty is averaged this near to the refined class; far background would only dilute it."""


def class_uncertainty(uncertainty: FloatArray, mask: Mask) -> float:
    """Mean of a voxel map within 3 voxels of `mask`; nan if `mask` is empty."""
    if not mask.any():
        return float("nan")
    # Only the box around the mask can be near it; the distance transform of a whole scan takes seconds.
    box = bounding_box(mask, _MARGIN_VOXELS)
    near = distance_within(~mask[box], (1.0,) * mask.ndim) <= _MARGIN_VOXELS
    return float(uncertainty[box][near].mean(dtype=np.float64))


def held_out_classes(look: Look, trusted: LabelMap, classes: Mapping[str, int]) -> list[HeldOutClass]:
    """The refined label of a case against one that is trusted.

    Args:
        look: What the network says of the case.
        trusted: Its label, in the dataset's own values, `(X, Y, Z)`.
        classes: Name to label value, background first; one that nobody drew in the case is left out.
    """
    undrawn = () if look.opinion is None else look.opinion.undrawn
    return [
        HeldOutClass(
            name,
            class_uncertainty(look.uncertainty, look.refined == value),
            dice(look.refined == value, trusted == value),
        )
        for index, (name, value) in enumerate(classes.items())
        if index and index not in undrawn
    ]


def class_changes(
    look: Look,
    given: LabelMap | None,
    decision: Decision,
    *,
    spacing: Spacing,
    classes: Mapping[str, int],
    in_sample: bool,
    unsure: bool = False,
    expected: Sequence[tuple[float, float]] | None = None,
) -> list[ClassChange]:
    """What a decision changes, for each foreground class; none that nobody drew in the case.

    Args:
        look: What the network says of the case.
        given: The label as it came, `(X, Y, Z)`, or None for an unlabeled case.
        decision: What is written for it.
        spacing: Voxel size in mm.
        classes: Name to label value, background first.
        in_sample: Whether the network has learned from this case.
        unsure: Whether what is predicted is unlike all other predictions.
        expected: Dice of the given and of the written label, by foreground class that was drawn; None if
            nobody can tell.
    """
    voxel_mm3 = float(np.prod(spacing))
    undrawn = () if look.opinion is None else look.opinion.undrawn
    drawn = [one for index, one in enumerate(classes.items()) if index and index not in undrawn]
    changes = []
    for index, (name, value) in enumerate(drawn):
        new, after = look.refined == value, decision.written == value
        before = np.zeros_like(new) if given is None else given == value
        both = before.any() and new.any()
        changes.append(
            ClassChange(
                case_id=look.case_id,
                class_name=name,
                uncertainty=class_uncertainty(look.uncertainty, new),
                agreement=None if given is None else dice(new, before),
                added_mm3=voxel_mm3 * int((after & ~before).sum()),
                removed_mm3=voxel_mm3 * int((before & ~after).sum()),
                shift_mm=boundary_shift(before, new, spacing) if both else float("nan"),
                in_sample=in_sample,
                unsure=unsure,
                given_dice=None if expected is None else expected[index][0],
                written_dice=None if expected is None else expected[index][1],
            )
        )
    return changes
