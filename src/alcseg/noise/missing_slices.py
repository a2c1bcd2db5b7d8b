"""Missing slices: slices without any label within the organ, and ends that are cut off.

A share of the slices that hold foreground is emptied. A random part of them is taken from the two ends, the
others are single slices drawn from what is left.

Source:
    None: ours.
"""

from dataclasses import dataclass

import numpy as np

from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome, slice_axis
from alcseg.types import LabelMap

__all__ = ["MissingSlices"]


@dataclass(frozen=True)
class MissingSlices(NoiseModel):
    """Leave slices unlabeled."""

    summary = "slices left out within the organ, ends cut off"
    amount = Amount("share of the slices that lose their label", {"percent": (25, 60)})

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Empty slices across the thickest voxels, rounded to whole slices."""
        rng = context.rng
        axis = slice_axis(context.spacing)
        slices = np.moveaxis(label, axis, 0)
        occupied = np.flatnonzero((slices != context.background).any(axis=(1, 2)))
        count = round(min(context.size, 100.0) / 100.0 * occupied.size)
        at_ends = int(rng.integers(count + 1))
        low = int(rng.integers(at_ends + 1))
        cut = np.concatenate((occupied[:low], occupied[occupied.size - (at_ends - low) :]))
        inside = rng.choice(np.setdiff1d(occupied, cut), size=count - at_ends, replace=False)
        result = label.copy()
        np.moveaxis(result, axis, 0)[np.concatenate((cut, inside))] = context.background
        details = {
            "axis": axis,
            "slices_cut_low": low,
            "slices_cut_high": at_ends - low,
            "slices_missing": sorted(int(index) for index in inside),
        }
        return Outcome(result, "omit", details)
