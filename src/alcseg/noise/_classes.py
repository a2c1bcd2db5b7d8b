"""How a changed foreground becomes a label map again where there are several classes."""

import numpy as np
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["foreground_values", "relabel"]

_TIE = 1e-6  # relative to the smallest step: closer than this, two classes are equally near


def foreground_values(label: LabelMap, background: int) -> tuple[int, ...]:
    """Values of the classes present in `label`, sorted, without the background."""
    return tuple(int(value) for value in np.unique(label) if value != background)


def relabel(label: LabelMap, foreground: Mask, *, spacing: Spacing, background: int) -> LabelMap:
    """Give every voxel of a changed `foreground` its class.

    A voxel that was foreground keeps its class, a lost one becomes background, and a gained one takes the
    class of the nearest foreground voxel of `label` in mm; where two are equally near, the lower value wins.

    Args:
        label: Given label map, any integers, `(X, Y, Z)`.
        foreground: New union of the classes, same shape.
        spacing: Voxel size in mm, one value per axis.
        background: Value of the background.
    """
    values = foreground_values(label, background)
    result = np.where(foreground, label, np.asarray(background, dtype=label.dtype))
    gained = foreground & (label == background)
    if not gained.any():
        return result
    if len(values) == 1:
        result[gained] = values[0]
        return result
    box = bounding_box(foreground | (label != background))
    crop, wanted = label[box], gained[box]
    nearest = np.full(int(wanted.sum()), np.inf)
    chosen = np.full(nearest.shape, background, dtype=label.dtype)
    for value in values:  # ascending, so that a tie stays with the lower value
        distance = ndimage.distance_transform_edt(crop != value, sampling=spacing)[wanted]
        closer = distance < nearest - _TIE * min(spacing)
        nearest[closer] = distance[closer]
        chosen[closer] = value
    result[box][wanted] = chosen
    return result
