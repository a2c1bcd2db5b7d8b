"""How far a noisy label map is from the clean one: overlap, volume, and which way the boundary moved."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.errors import ShapeError
from alcseg.metrics.overlap import check_masks, dice
from alcseg.metrics.surface import SurfaceDistances, surface, surface_distances
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["ClassNoise", "boundary_shift", "label_noise", "mean_shift"]


@dataclass(frozen=True)
class ClassNoise:
    """Noise of one class of one label map.

    Attributes:
        value: Label value of the class.
        dice: Dice of noisy against clean; `nan` if both are empty.
        volume_change_mm3: Noisy minus clean volume.
        added_mm3: Volume that only the noisy label has.
        removed_mm3: Volume that only the clean label has.
        shift_mm: Mean signed boundary shift, see `boundary_shift`.
    """

    value: int
    dice: float
    volume_change_mm3: float
    added_mm3: float
    removed_mm3: float
    shift_mm: float


def label_noise(
    noisy: LabelMap, clean: LabelMap, classes: Sequence[int], spacing: Spacing
) -> tuple[ClassNoise, ...]:
    """Compare a noisy (given) label map with a clean (or refined) one, class by class.

    Args:
        noisy: Label map as given, `(X, Y, Z)`.
        clean: Label map it is compared with, same shape.
        classes: Label values to compare, without the background.
        spacing: Voxel size in mm, one value per axis.

    Returns:
        One entry per class, in the order of `classes`.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.
    """
    if noisy.shape != clean.shape or len(spacing) != clean.ndim:
        raise ShapeError(
            "expected two label maps of one shape and one spacing per axis, "
            f"got {noisy.shape}, {clean.shape} and {spacing}. Bring both to one grid."
        )
    voxel_mm3 = float(np.prod(spacing))
    found = []
    for value in classes:
        given, wanted = noisy == value, clean == value
        added, removed = (int(np.count_nonzero(part)) for part in (given & ~wanted, wanted & ~given))
        found.append(
            ClassNoise(
                value=int(value),
                dice=dice(given, wanted),
                volume_change_mm3=(added - removed) * voxel_mm3,
                added_mm3=added * voxel_mm3,
                removed_mm3=removed * voxel_mm3,
                shift_mm=boundary_shift(given, wanted, spacing),
            )
        )
    return tuple(found)


def boundary_shift(noisy: Mask, clean: Mask, spacing: Spacing) -> float:
    """Mean signed distance between two surfaces in mm; positive where the noisy mask is too large.

    The surface voxels of both masks are pooled. One of the noisy mask counts as outward if it lies outside of
    the clean mask, one of the clean mask if it lies inside of the noisy one; else it counts as inward.

    Args:
        noisy: Given foreground, bool, `(X, Y, Z)`.
        clean: Foreground it is compared with, same shape.
        spacing: Voxel size in mm, one value per axis.

    Returns:
        Shift in mm; `nan` if both masks are empty, `inf` if only the clean one is empty, `-inf` if only the
        noisy one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.
    """
    check_masks(noisy, clean)
    box = bounding_box(noisy | clean)
    noisy, clean = noisy[box], clean[box]
    return mean_shift(surface_distances(noisy, clean, spacing), noisy, clean)


def mean_shift(distances: SurfaceDistances, noisy: Mask, clean: Mask) -> float:
    """`boundary_shift` from distances that are known.

    Args:
        distances: Of the two masks, the noisy one first.
        noisy: Given foreground, bool, `(X, Y, Z)`.
        clean: Foreground it is compared with, same shape.
    """
    if not distances.pred_to_ref.size or not distances.ref_to_pred.size:
        return float("nan") if not (noisy.any() or clean.any()) else float("inf" if noisy.any() else "-inf")
    # Both arrays list surface voxels in the order of the array, as these selections do.
    outward = np.where(clean[surface(noisy)], -1, 1), np.where(noisy[surface(clean)], 1, -1)
    signed = np.concatenate((distances.pred_to_ref * outward[0], distances.ref_to_pred * outward[1]))
    return float(signed.mean())
