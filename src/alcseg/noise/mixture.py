"""Mixture: every case is spoiled by another model, as no two annotators err alike.

Each case draws one of the models, all with equal probability, and then a size from the model's range in
percent, which suits organs of every size.

`mixture` alone draws from `MEMBERS`, which never changes: a member more would change what old seeds draw. A
newer model takes part where it is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alcseg.noise.corrupt import corrupt_label
from alcseg.noise.model import NoiseContext, NoiseModel, Outcome
from alcseg.types import LabelMap

__all__ = ["MEMBERS", "Mixture"]

MEMBERS = (
    "ball",
    "class_swap",
    "cube",
    "markov_boundary",
    "missing_slices",
    "other_case",
    "shift_rotate",
    "slice_offset",
    "smooth_boundary",
)


@dataclass(frozen=True)
class Mixture(NoiseModel):
    """Draw one of several models.

    Attributes:
        models: What can be drawn, by name.
    """

    models: Mapping[str, NoiseModel]

    summary = f"each case draws one of {', '.join(MEMBERS)}; mixture:NAME,NAME,... draws from those named"
    amount = None

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Spoil the label with a drawn model and its own range in percent."""
        names = sorted(self.models)
        if context.others is None or not context.others.case_ids:
            # Where a label stands alone, none of another case can be drawn.
            names = [name for name in names if not self.models[name].needs_others] or names
        name = names[int(context.rng.integers(len(names)))]
        model = self.models[name]
        result, record = corrupt_label(
            label,
            model=model,
            unit=None if model.amount is None else "percent",
            spacing=context.spacing,
            rng=context.rng,
            background=context.background,
            keep_nonempty=context.keep_nonempty,
            others=context.others,
        )
        details = {
            "model": name,
            "size": record.size,
            "size_drawn": record.size_drawn,
            "unit": record.unit,
            **record.details,
        }
        return Outcome(result, record.operation, details, weakened=record.weakened)
