"""Distances from a surface in mm: to move it by a given amount, and to say how far it moved."""

import math

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.distances import signed_distance
from alcseg.noise.model import NoiseContext
from alcseg.types import FloatArray, Mask, Spacing

__all__ = ["amount_mm", "inscribed_radius", "margin", "offset_mm_mean", "surface_distance"]


def surface_distance(foreground: Mask, spacing: Spacing) -> FloatArray:
    """`signed_distance` to the surface of `foreground`, with background outside of the array.

    Args:
        foreground: Bool, any number of axes, not empty.
        spacing: Voxel size in mm, one value per axis.
    """
    return signed_distance(np.pad(foreground, 1), spacing)[(slice(1, -1),) * foreground.ndim]


def inscribed_radius(foreground: Mask, spacing: Spacing) -> float:
    """Radius in mm of the largest ball within a non-empty `foreground`: its half thickness."""
    box = bounding_box(foreground)
    return -float(surface_distance(foreground[box], spacing).min())


def amount_mm(foreground: Mask, context: NoiseContext) -> float:
    """The size as a distance in mm; percents are those of the inscribed radius."""
    if context.unit == "percent":
        return context.size / 100.0 * inscribed_radius(foreground, context.spacing)
    return context.size * (min(context.spacing) if context.unit == "voxel" else 1.0)


def margin(distance_mm: float, spacing: Spacing) -> tuple[int, ...]:
    """Voxels per axis that hold `distance_mm`, and one more."""
    return tuple(math.ceil(distance_mm / step) + 1 for step in spacing)


def offset_mm_mean(noisy: Mask, clean: Mask, spacing: Spacing) -> float | None:
    """Mean signed distance of the noisy surface from the clean one; positive where drawn too large.

    The distance map of the clean foreground is sampled at every voxel face of the noisy surface, weighted by
    the area of the face. Between two equal masks of cubic voxels it is 0. On oblique
    surfaces it lies nearer to 0 by up to a third of a voxel: the distance to a stepped surface is that to
    its tips.

    Args:
        noisy: Foreground as drawn, bool, `(X, Y, Z)`.
        clean: True foreground, same shape.
        spacing: Voxel size in mm, one value per axis.

    Returns:
        Offset in mm; None if one of the masks is empty.
    """
    if not noisy.any() or not clean.any():
        return None
    box = bounding_box(noisy | clean)
    noisy = np.pad(noisy[box], 1)
    distance = surface_distance(np.pad(clean[box], 1), spacing)
    total = area = 0.0
    for axis, step in enumerate(spacing):
        low, high = _shifted(axis, clean.ndim)
        face = noisy[low] != noisy[high]
        face_mm2 = math.prod(spacing) / step
        total += face_mm2 * float((distance[low][face] + distance[high][face]).sum(dtype=np.float64)) / 2.0
        area += face_mm2 * int(face.sum())
    return total / area


def _shifted(axis: int, ndim: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    everything = [slice(None)] * ndim
    low, high = list(everything), list(everything)
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)
