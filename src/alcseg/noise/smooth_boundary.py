"""Smooth boundary: the surface bulges and caves in smoothly, here too large, there too small.

A Gaussian random field with a correlation length is added to the signed distance map of the foreground; where
the sum is negative is the new foreground. The field is white noise smoothed with a Gaussian filter and scaled
back to unit variance.

Source:
    None: ours.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.fast import components
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, inscribed_radius, margin, surface_distance
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["SmoothBoundary", "connected", "unit_field"]

_CLIP = 3.0  # standard deviations


@dataclass(frozen=True)
class SmoothBoundary(NoiseModel):
    """Displace the surface by a smooth random field.

    Attributes:
        correlation: Standard deviation of the smoothing filter, as a share of the inscribed radius.
    """

    correlation: float = 1.0

    summary = "the surface bulges and caves in smoothly"
    amount = Amount(
        "standard deviation of the displacement (percent: of the inscribed radius)",
        {"percent": (20, 50), "mm": (2.5, 7)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Threshold the sum of signed distance and field."""
        foreground = label != context.background
        std_mm = amount_mm(foreground, context)
        correlation_mm = self.correlation * inscribed_radius(foreground, context.spacing)
        box = bounding_box(foreground, margin(_CLIP * std_mm, context.spacing))
        distance = surface_distance(foreground[box], context.spacing)
        field = unit_field(distance.shape, correlation_mm, context.spacing, context.rng)
        displacement = std_mm * np.clip(field, -_CLIP, _CLIP)
        changed = np.zeros_like(foreground)
        changed[box] = connected(distance < displacement, foreground[box])
        result = relabel(label, changed, spacing=context.spacing, background=context.background)
        surface = displacement[np.abs(distance) < max(context.spacing)]
        details = {
            "correlation_mm": correlation_mm,
            "displacement_mm_mean": float(surface.mean()),
            "displacement_mm_std": float(surface.std()),
        }
        return Outcome(result, "displace", details)


def connected(mask: Mask, organ: Mask) -> Mask:
    """What of a mask hangs together with the organ; far from it a steep field would make islands."""
    parts, _ = components(mask)
    kept: Mask = np.isin(parts, np.unique(parts[organ & (parts > 0)]))
    return kept


def unit_field(
    shape: tuple[int, ...], correlation_mm: float, spacing: Spacing, rng: np.random.Generator
) -> FloatArray:
    """Gaussian random field of mean 0 and variance 1 over many draws."""
    field = rng.standard_normal(shape, dtype=np.float32)
    for axis, step in enumerate(spacing):
        sigma = correlation_mm / step
        kernel = np.zeros(2 * math.ceil(4 * sigma) + 1)
        kernel[kernel.size // 2] = 1.0
        energy = float((ndimage.gaussian_filter1d(kernel, sigma, mode="constant") ** 2).sum())
        # `wrap` keeps the variance the same up to the border of the crop.
        field = ndimage.gaussian_filter1d(field, sigma, axis=axis, mode="wrap") / math.sqrt(energy)
    return np.asarray(field)
