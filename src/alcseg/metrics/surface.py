"""How far two surfaces lie apart: HD95, average surface distances, surface Dice.

The surface of a mask is its voxels that an erosion with the 6-neighborhood removes, what lies outside of the
volume counting as background; MedPy takes the same. Distances run from voxel center to voxel center in mm.
Only the box around both masks is looked at, so that neither time nor memory grows with the empty part of a
volume.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alcseg.arrays import check_spacing
from alcseg.boxes import bounding_box
from alcseg.errors import UsageError
from alcseg.metrics.nearest import nearest_distances
from alcseg.metrics.overlap import check_masks
from alcseg.types import FloatArray, Mask, Spacing

__all__ = [
    "SurfaceDistances",
    "asd",
    "asd_ref_to_pred",
    "assd",
    "distances_in_box",
    "hd95",
    "hd95_directed",
    "nsd",
    "surface",
    "surface_distances",
]

Distances = NDArray[np.float64]

_ROUNDING = 1 + 1e-5  # of headers: single precision makes 1 mm on an oblique grid 1.00000002 or 0.99999998


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Distances from each surface voxel of one mask to the nearest one of the other, in mm; both directions.

    Measured once, reduced by every surface metric. An array is empty where its own mask has no voxels; the
    other one is filled with `inf` then.
    """

    pred_to_ref: Distances
    ref_to_pred: Distances

    def hd95(self) -> float:
        """See `hd95`."""
        return self._reduce(lambda there, back: _percentile_95(np.concatenate((there, back))))

    def hd95_directed(self) -> float:
        """See `hd95_directed`."""
        return self._reduce(lambda there, back: max(map(_percentile_95, (there, back))))

    def asd(self) -> float:
        """See `asd`."""
        return self._reduce(lambda there, back: float(there.mean()))

    def asd_ref_to_pred(self) -> float:
        """See `asd_ref_to_pred`."""
        return self._reduce(lambda there, back: float(back.mean()))

    def assd(self) -> float:
        """See `assd`."""
        return self._reduce(lambda there, back: float(np.concatenate((there, back)).mean()))

    def nsd(self, tolerance_mm: float) -> float:
        """See `nsd`."""
        if not tolerance_mm >= 0:
            raise UsageError(f"nsd: expected a tolerance in mm of at least 0, got {tolerance_mm}. Change it.")
        both = np.concatenate((self.pred_to_ref, self.ref_to_pred))
        return float((both <= tolerance_mm * _ROUNDING).mean()) if both.size else float("nan")

    def _reduce(self, reduce: Callable[[Distances, Distances], float]) -> float:
        if self.pred_to_ref.size and self.ref_to_pred.size:
            return reduce(self.pred_to_ref, self.ref_to_pred)
        return float("inf" if self.pred_to_ref.size or self.ref_to_pred.size else "nan")


def surface_distances(
    pred: Mask,
    ref: Mask,
    spacing: Spacing,
    *,
    directions: FloatArray | None = None,
    known: Mask | None = None,
) -> SurfaceDistances:
    """Measure both directions once, for several surface metrics.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.
        directions: Unit vectors along the axes as columns, `(3, 3)`, of a sheared grid; None where the axes
            are perpendicular.
        known: Voxels that somebody labeled, same shape, which hold both masks; all where None. Where
            knowledge ends there is no surface: a voxel is of it if it has known background across a face.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one positive value per axis.
    """
    check_masks(pred, ref)
    check_spacing(pred.shape, spacing)
    # Outside of the box there is background only, as outside of the volume: the crop changes no voxel.
    box = bounding_box(pred | ref, 0 if known is None else 1)
    return distances_in_box(pred[box], ref[box], spacing, directions, None if known is None else known[box])


def distances_in_box(
    pred: Mask, ref: Mask, spacing: Spacing, directions: FloatArray | None, known: Mask | None
) -> SurfaceDistances:
    """The same of masks that are cut to the box around them and checked."""
    surfaces = surface(pred, known=known), surface(ref, known=known)
    there, back = (
        nearest_distances(*pair, spacing, directions=directions) for pair in (surfaces, surfaces[::-1])
    )
    return SurfaceDistances(there, back)


def hd95(pred: Mask, ref: Mask, spacing: Spacing) -> float:
    """95th percentile of the surface distances of both directions pooled, in mm; lower is better.

    MedPy and the literature on the LA and NIH benchmarks call this 95HD.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Distance in mm; `nan` if both masks are empty, `inf` if exactly one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.

    Source:
        Huttenlocher et al., IEEE TPAMI 15(9), 1993, doi:10.1109/34.232073, with the percentile of MedPy.
    """
    return surface_distances(pred, ref, spacing).hd95()


def hd95_directed(pred: Mask, ref: Mask, spacing: Spacing) -> float:
    """The larger of the two directed 95th percentiles of surface distance, in mm; lower is better.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Distance in mm; `nan` if both masks are empty, `inf` if exactly one is. Not the same number as `hd95`.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.

    Source:
        Maier-Hein et al., Nature Methods 21, 2024, doi:10.1038/s41592-023-02151-z.
    """
    return surface_distances(pred, ref, spacing).hd95_directed()


def asd(pred: Mask, ref: Mask, spacing: Spacing) -> float:
    """Average distance from the predicted surface to the reference, one way, in mm; lower is better.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Distance in mm; `nan` if both masks are empty, `inf` if exactly one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.

    Source:
        `asd(result, reference)` of MedPy, as UA-MT (Yu et al., MICCAI 2019) reports it.
    """
    return surface_distances(pred, ref, spacing).asd()


def asd_ref_to_pred(pred: Mask, ref: Mask, spacing: Spacing) -> float:
    """Average distance from the reference surface to the predicted one, in mm; lower is better.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Distance in mm; `nan` if both masks are empty, `inf` if exactly one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.

    Source:
        `asd` of MedPy with the arguments swapped, as MTCL (Xu et al., IEEE TMI 2022) calls it.
    """
    return surface_distances(pred, ref, spacing).asd_ref_to_pred()


def assd(pred: Mask, ref: Mask, spacing: Spacing) -> float:
    """Average symmetric surface distance, the mean over both surfaces pooled, in mm; lower is better.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.

    Returns:
        Distance in mm; `nan` if both masks are empty, `inf` if exactly one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.

    Source:
        Heimann et al., IEEE TMI 28(8), 2009, doi:10.1109/TMI.2009.2013851. MedPy does the same since 0.5;
        before, it averaged the two directed means.
    """
    return surface_distances(pred, ref, spacing).assd()


def nsd(pred: Mask, ref: Mask, spacing: Spacing, *, tolerance_mm: float = 1.0) -> float:
    """Normalized surface Dice: share of both surfaces within a tolerance of the other; higher is better.

    Args:
        pred: Predicted foreground, bool, `(X, Y, Z)`.
        ref: Reference foreground, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order.
        tolerance_mm: Distance that is no error yet, but for the rounding of the spacing in a header.

    Returns:
        Fraction 0..1; `nan` if both masks are empty, 0 if exactly one is.

    Raises:
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.
        UsageError: If the tolerance is negative.

    Source:
        Nikolov et al., JMIR 23(7), 2021, doi:10.2196/26151. They weigh surface elements by area; here each
        surface voxel counts once.
    """
    return surface_distances(pred, ref, spacing).nsd(tolerance_mm)


def _percentile_95(values: Distances) -> float:
    """As `np.percentile`, whose generality takes longer than the work on a small surface."""
    position = 0.95 * (values.size - 1)
    low = int(position)
    high = min(low + 1, values.size - 1)
    ordered = np.partition(values, (low, high))
    return float(ordered[low] + (ordered[high] - ordered[low]) * (position - low))


def surface(mask: Mask, *, known: Mask | None = None) -> Mask:
    """Voxels of a mask with background, or the end of the volume, across one of their faces; same shape.

    With `known` only such background counts that is known.
    """
    if known is not None and not known.all():
        return mask & surface(mask | ~known)
    inner = mask.copy()
    for axis in range(mask.ndim):
        along, given = inner.swapaxes(0, axis), mask.swapaxes(0, axis)
        along[1:] &= given[:-1]
        along[:-1] &= given[1:]
        along[:1] = along[-1:] = False
    return mask & ~inner
