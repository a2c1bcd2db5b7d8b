"""Shift and rotation: the label lies beside the organ, as after a bad registration or a moved patient.

The label is shifted by the drawn distance in a random direction and turned about its centroid around a
random axis. The angle is drawn so that a voxel at the root mean square distance from the centroid moves by at
most as much again, and by no more than 20 degrees.

Source:
    None: ours.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from alcseg.noise.distance import amount_mm
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome
from alcseg.types import LabelMap

__all__ = ["ShiftRotate"]

_MOST_DEGREES = 20.0


@dataclass(frozen=True)
class ShiftRotate(NoiseModel):
    """Move the whole label; what leaves the volume is lost. Nearest neighbor."""

    summary = "the whole label shifted and turned a little"
    amount = Amount(
        "distance of the shift, and most of what the rotation adds (percent: of the inscribed radius)",
        {"percent": (25, 65), "mm": (3, 10)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Move the label map with all its classes."""
        rng = context.rng
        foreground = label != context.background
        distance_mm = amount_mm(foreground, context)
        spacing = np.asarray(context.spacing)
        points_mm = np.argwhere(foreground) * spacing
        center_mm = points_mm.mean(axis=0)
        extent_mm = math.sqrt(((points_mm - center_mm) ** 2).sum(axis=1).mean())
        direction, axis = (vector / np.linalg.norm(vector) for vector in rng.standard_normal((2, 3)))
        # A single voxel has no extent and nothing to turn; one step keeps the quotient finite.
        angle = math.degrees(rng.random() * distance_mm / max(extent_mm, float(spacing.min())))
        degrees = min(angle, _MOST_DEGREES)
        shift_mm = distance_mm * direction
        turn = Rotation.from_rotvec(degrees * axis, degrees=True).as_matrix()
        # From a voxel of the result back to the given label, x = turn^-1 (y - center - shift) + center in mm.
        back = turn.T
        offset_mm = center_mm - back @ (center_mm + shift_mm)
        result = ndimage.affine_transform(
            label,
            back * spacing[None, :] / spacing[:, None],
            offset=offset_mm / spacing,
            order=0,
            mode="constant",
            cval=context.background,
        )
        details = {
            "shift_mm": [round(float(step), 3) for step in shift_mm],
            "rotation_degrees": degrees,
            "rotation_axis": [round(float(step), 4) for step in axis],
        }
        return Outcome(result, "move", details)
