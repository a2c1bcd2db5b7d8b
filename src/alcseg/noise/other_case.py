"""Other case: the label belongs to somebody else, as after a mix-up of files or a copied atlas.

The label of another training case is laid over the grid of this one, center on center, and read by nearest
neighbor.

Source:
    None: ours.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from alcseg.errors import UsageError
from alcseg.noise.model import NoiseContext, NoiseModel, Outcome
from alcseg.types import LabelMap, Spacing

__all__ = ["OtherCase"]


@dataclass(frozen=True)
class OtherCase(NoiseModel):
    """Take the label of another case."""

    summary = "the label of another training case, laid center on center"
    amount = None
    needs_others = True

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Draw another case and resample its label onto this grid.

        Raises:
            UsageError: If there is no other case.
        """
        others = context.others
        if others is None or not others.case_ids:
            raise UsageError(
                "noise model 'other_case': expected other labeled training cases, found none. "
                "Add cases or choose another --model."
            )
        case_id = others.case_ids[int(context.rng.integers(len(others.case_ids)))]
        other, spacing = others.read(case_id)
        result = _center_on_center(other, spacing, label.shape, context)
        return Outcome(result.astype(label.dtype), "replace", {"case_id": case_id})


def _center_on_center(
    other: LabelMap, spacing: Spacing, shape: tuple[int, ...], context: NoiseContext
) -> LabelMap:
    """Voxels of `other` nearest to those of the grid of `context`, background outside of it."""
    indices, inside = [], []
    for want, step, have, other_step in zip(shape, context.spacing, other.shape, spacing, strict=True):
        from_center_mm = (np.arange(want) - (want - 1) / 2) * step
        index = np.floor(from_center_mm / other_step + (have - 1) / 2 + 0.5).astype(int)
        inside.append((index >= 0) & (index < have))
        indices.append(np.clip(index, 0, have - 1))
    kept = reduce(np.logical_and, np.meshgrid(*inside, indexing="ij", sparse=True))
    return np.where(kept, other[np.ix_(*indices)], np.asarray(context.background, dtype=other.dtype))
