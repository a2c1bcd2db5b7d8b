"""Reader: the label that another human reader would have drawn.

As someone who draws slice by slice and ends earlier or later than others. Four parts, all in proportion to the size:

- an offset of the whole contour, normally distributed, one per case;
- a local displacement of the contour, a Gaussian random field, short against the organ;
- at either end, slices lost or added: a length with a double exponential (Laplace) distribution, rounded to
  whole slices;
- an added slice holds the last contour, shrunk.

Source:
    TODO
"""

import math
from dataclasses import dataclass

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, inscribed_radius, margin, surface_distance
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome, slice_axis
from alcseg.noise.smooth_boundary import _unit_field
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["Reader"]

_CLIP = 3.0  # standard deviations


@dataclass(frozen=True)
class Reader(NoiseModel):
    """Redraw the foreground slice by slice."""

    correlation: float = 0.3
    offset: float = 0.65
    ends: float = 1.2
    added_area: float = 0.4

    summary = "drawn by another human reader, fitted to radiologists' contours"
    amount = Amount(
        "standard deviation of the local displacement (percent: of the inscribed radius)",
        {"percent": (7, 20), "mm": (0.3, 1.2)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        foreground = label != context.background
        spacing, rng = context.spacing, context.rng
        axis = slice_axis(spacing)
        plane = tuple(step for other, step in enumerate(spacing) if other != axis)
        local_mm = amount_mm(foreground, context)
        offset_mm = self.offset * local_mm * float(rng.standard_normal())
        low, high = (round(end) for end in rng.laplace(0.0, self.ends * local_mm, 2) / spacing[axis])
        correlation_mm = self.correlation * inscribed_radius(foreground, spacing)
        drawn = self._move_ends(np.moveaxis(foreground, axis, 0), low, high, plane)
        changed = np.zeros_like(foreground)
        box = bounding_box(np.moveaxis(drawn, 0, axis), margin(abs(offset_mm) + _CLIP * local_mm, spacing))
        field = _unit_field(changed[box].shape, correlation_mm, spacing, rng)
        displacement = offset_mm + local_mm * np.clip(field, -_CLIP, _CLIP)
        inside = np.moveaxis(drawn, 0, axis)[box]
        for before, after, moved in zip(*(np.moveaxis(each, axis, 0) for each in (inside, changed[box], displacement)), strict=True):
            after[...] = surface_distance(before, plane) < moved
        result = relabel(label, changed, spacing=spacing, background=context.background)
        return Outcome(result, "redraw", {"offset_mm": offset_mm, "low": low, "high": high})

    def _move_ends(self, slices, low, high, plane):
        occupied = np.flatnonzero(slices.any(axis=(1, 2)))
        result = slices.copy()
        for end, step, count in ((occupied[0], -1, low), (occupied[-1], 1, high)):
            if count < 0:
                if step < 0:
                    result[end : end - count] = False
                else:
                    result[max(end + count + 1, 0) : end + 1] = False
            if count > 0:
                depth = surface_distance(slices[end], plane)
                shrunk = depth < (1 - math.sqrt(self.added_area)) * depth.min()
                for index in range(end + step, end + step * (count + 1), step):
                    if 0 <= index < len(result):
                        result[index] = shrunk
        return result
