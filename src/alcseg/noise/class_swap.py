"""Class swap: on one side of a plane through the organ the classes are confused.

A plane of random direction cuts off the drawn share of the foreground. There the classes change places in a
random cycle: two are swapped, of three each takes the next. With a single class there is nothing to swap, and
the part is dropped to background, as by someone who stopped drawing.

Source:
    None: ours.
"""

from dataclasses import dataclass

import numpy as np

from alcseg.noise._classes import foreground_values
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome
from alcseg.types import LabelMap

__all__ = ["ClassSwap"]


@dataclass(frozen=True)
class ClassSwap(NoiseModel):
    """Swap the classes beyond a random plane; drop that part where there is one class."""

    summary = "classes swapped in a part of the organ; with one class that part is left out"
    amount = Amount("share of the foreground beyond the plane", {"percent": (15, 45)})

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Relabel the part of the foreground beyond the plane; the plane is perpendicular in mm."""
        rng = context.rng
        normal = rng.standard_normal(label.ndim)
        normal /= np.linalg.norm(normal)
        voxels = np.nonzero(label != context.background)
        depth_mm = np.stack(voxels, axis=1) * np.asarray(context.spacing) @ normal
        part = depth_mm >= np.quantile(depth_mm, 1 - min(context.size, 100.0) / 100.0)
        given = label[voxels]
        classes = foreground_values(label, context.background)
        order = [int(value) for value in rng.permutation(classes)]
        taken = given.copy()
        if len(order) == 1:
            taken[part] = context.background
            pairs = {}
        else:
            pairs = dict(zip(order, [*order[1:], order[0]], strict=True))
            for value, other in pairs.items():
                taken[part & (given == value)] = other
        result = label.copy()
        result[voxels] = taken
        details = {
            "normal": [round(float(step), 4) for step in normal],
            "share": float(part.mean()),
            "classes": {str(value): other for value, other in pairs.items()},
        }
        return Outcome(result, "swap" if pairs else "drop", details)
