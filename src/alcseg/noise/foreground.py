"""Models that grow or shrink the foreground as a whole; classes are assigned anew afterwards."""

from dataclasses import dataclass
from typing import Protocol

from alcseg.noise._classes import relabel
from alcseg.noise.distance import amount_mm
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Operation, Outcome, Unit
from alcseg.types import LabelMap, Mask, Spacing

__all__ = ["ForegroundFunction", "ForegroundNoise"]


class ForegroundFunction(Protocol):
    """Grows or shrinks a foreground; everything outside of the volume counts as background."""

    def __call__(
        self, foreground: Mask, *, spacing: Spacing, size: float, unit: Unit, operation: Operation
    ) -> Mask:
        """Return the changed foreground.

        Args:
            foreground: Union of all foreground classes, bool, `(X, Y, Z)`; it is not written to.
            spacing: Voxel size in mm, one value per axis, in axis order.
            size: How much; the function says what it measures. Its smallest sizes are the identity.
            unit: Whether `size` counts voxels or millimetres.
            operation: `dilate` or `erode`.
        """
        ...


@dataclass(frozen=True)
class ForegroundNoise(NoiseModel):
    """A `ForegroundFunction` as a noise model: dilates or erodes, each with probability 1/2.

    Attributes:
        function: What changes the foreground.
        summary: What it imitates.
        amount: What its size measures.
        sizes_per_shift: Size that moves the surface by 1 mm, for sizes in percent: 2 for a side or a
            diameter, 1 for a radius.
    """

    function: ForegroundFunction
    summary: str
    amount: Amount
    sizes_per_shift: float

    def __call__(self, label: LabelMap, context: NoiseContext) -> Outcome:
        """Dilate or erode the union of the classes; kept voxels keep their class."""
        foreground = label != context.background
        size, unit = context.size, context.unit
        if unit == "percent":
            size, unit = amount_mm(foreground, context) * self.sizes_per_shift, "mm"
        changed = self.function(
            foreground, spacing=context.spacing, size=size, unit=unit, operation=context.operation
        )
        result = relabel(label, changed, spacing=context.spacing, background=context.background)
        return Outcome(result, context.operation)
