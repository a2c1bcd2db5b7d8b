"""Slice offset: every slice is drawn too large or too small by its own distance.

As by someone who draws slice by slice and never looks at the other planes. The offsets of successive slices
are a stationary autoregressive series of first order: neighbors resemble each other, slices far apart do not.

Source:
    None: ours.
"""

import math
from dataclasses import dataclass

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, margin, surface_distance
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome, slice_axis
from alcseg.types import LabelMap

__all__ = ["SliceOffset"]


@dataclass(frozen=True)
class SliceOffset(NoiseModel):
    """In-plane dilation or erosion by a random distance, slice by slice.

    Attributes:
        correlation: Of the offsets of two neighboring slices, from 0 to below 1.
    """

    correlation: float = 0.5

    summary = "each slice drawn too large or too small on its own"
    amount = Amount(
        "standard deviation of the slices' offsets (percent: of the inscribed radius)",
        {"percent": (30, 70), "mm": (3, 9)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Move the contour of every slice that has one; slices without a contour stay empty."""
        foreground = label != context.background
        std_mm = amount_mm(foreground, context)
        axis = slice_axis(context.spacing)
        plane = tuple(step for other, step in enumerate(context.spacing) if other != axis)
        box = bounding_box(foreground)
        count = box[axis].stop - box[axis].start
        offsets = [std_mm * value for value in self._series(count, context.rng)]
        changed = np.zeros_like(foreground)
        slices, drawn = np.moveaxis(foreground, axis, 0), np.moveaxis(changed, axis, 0)
        used = []
        for index, offset in enumerate(offsets, start=box[axis].start):
            if not slices[index].any():
                continue
            used.append(offset)
            around = bounding_box(slices[index], margin(max(offset, 0.0), plane))
            drawn[index][around] = surface_distance(slices[index][around], plane) < offset
        result = relabel(label, changed, spacing=context.spacing, background=context.background)
        details = {
            "axis": axis,
            "offset_mm_std": float(np.std(used)),
            "slice_offsets_mm": [round(float(offset), 3) for offset in used],
        }
        return Outcome(result, "offset", details)

    def _series(self, count: int, rng: np.random.Generator) -> list[float]:
        """Autoregressive series of mean 0 and standard deviation 1."""
        fresh = rng.standard_normal(count)
        series = [float(fresh[0])]
        for value in fresh[1:]:
            series.append(self.correlation * series[-1] + math.sqrt(1 - self.correlation**2) * float(value))
        return series
