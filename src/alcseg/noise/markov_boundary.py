"""Markov boundary: the surface creeps, voxel by voxel, at random and with a preference for one direction.

In every step of the process a Bernoulli variable decides whether the foreground grows or shrinks; then each
voxel along the boundary (of the background when it grows, of the foreground when it shrinks) flips with a
small probability, independently. Many steps make errors that are correlated along the boundary and biased:
theta_1 is the preference for growth, theta_2 the flip probability, T the number of steps.

Differences from the paper: the number of steps follows from a distance in mm, and a voxel flips by each of
its neighbors across a face with a probability in proportion to 1 / spacing, so that the boundary creeps
equally fast on every grid; theta_3, which flips voxels anywhere, is left out, as in the paper's 3D
experiments. The preference is theta_1 for one half of the cases and 1 - theta_1 for the other, as in the
paper's pairs of settings (0.7 and 0.3, 0.8 and 0.2). The public generator's final Gaussian smoothing by one
voxel is kept.

Source:
    Yao et al., "Learning to segment from noisy annotations: a spatial correction approach", ICLR 2023,
    arXiv:2308.02498, definition 1; its public generator was consulted for the smoothing and the settings.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from alcseg.boxes import bounding_box
from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm, margin
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Outcome
from alcseg.types import FloatArray, LabelMap, Mask

__all__ = ["MarkovBoundary"]

_SMOOTHING = 1.0  # standard deviation of the final filter, in the smallest voxel step


@dataclass(frozen=True)
class MarkovBoundary(NoiseModel):
    """Grow and shrink the boundary voxel by voxel in many random steps.

    Attributes:
        preference: theta_1 of a case that grows; one that shrinks has 1 - theta_1.
        flip_rate: theta_2 for a neighbor across the smallest voxel step; higher is rougher.
    """

    preference: float = 0.8
    flip_rate: float = 0.1

    summary = "the boundary creeps outward or inward at random, ragged and biased"
    amount = Amount(
        "steps times what a flat boundary creeps in one (percent: of the inscribed radius)",
        {"percent": (8, 25), "mm": (1, 3)},
    )

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Run the process on the union of the classes."""
        foreground = label != context.background
        rng, finest = context.rng, min(context.spacing)
        distance_mm = amount_mm(foreground, context)
        steps = round(distance_mm / (self.flip_rate * finest))
        grows = self.preference if context.operation == "dilate" else 1 - self.preference
        rates = [self.flip_rate * finest / step for step in context.spacing]
        box = bounding_box(foreground, margin(2 * distance_mm, context.spacing))
        # A ring of background around the crop: what lies outside of the volume cannot be gained.
        state = np.pad(foreground[box], 1)
        grown = 0
        for growing in rng.random(steps) < grows:
            chance = _flip_chance(state if growing else ~state, rates)
            chance[state == growing] = 0.0
            candidates = np.flatnonzero(chance)
            flipped = candidates[rng.random(candidates.size) < chance.ravel()[candidates]]
            state.ravel()[flipped] = growing
            _clear_ring(state)
            grown += int(growing)
        if steps:
            sigma = [_SMOOTHING * finest / step for step in context.spacing]
            state = ndimage.gaussian_filter(state.astype(np.float32), sigma, mode="nearest") > 0.5
        changed = np.zeros_like(foreground)
        changed[box] = state[(slice(1, -1),) * state.ndim]
        result = relabel(label, changed, spacing=context.spacing, background=context.background)
        details = {"steps": steps, "steps_grown": grown, "preference": grows, "flip_rate": self.flip_rate}
        return Outcome(result, context.operation, details)


def _flip_chance(source: Mask, rates: list[float]) -> FloatArray:
    """Probability that a voxel is flipped by at least one of its neighbors in `source`."""
    survives = np.ones(source.shape, dtype=np.float32)
    for axis, rate in enumerate(rates):
        moved, kept = np.moveaxis(source, axis, 0), np.moveaxis(survives, axis, 0)
        kept[1:][moved[:-1]] *= 1 - rate
        kept[:-1][moved[1:]] *= 1 - rate
    return 1 - survives


def _clear_ring(state: Mask) -> None:
    for axis in range(state.ndim):
        moved = np.moveaxis(state, axis, 0)
        moved[0] = moved[-1] = False
