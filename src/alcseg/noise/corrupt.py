"""One label map made worse: draw a size, let the model work, keep every class alive."""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alcseg.arrays import check_spacing
from alcseg.errors import UsageError
from alcseg.noise._classes import foreground_values
from alcseg.noise.model import (
    NoiseContext,
    NoiseModel,
    Operation,
    OtherLabels,
    Outcome,
    Unit,
)
from alcseg.types import LabelMap, Spacing

__all__ = ["NoiseRecord", "case_generator", "check_size", "corrupt_label", "resolve_size"]

_PERCENT_STEP = 10.0  # by how much a size in percent shrinks per attempt to keep every class
_LARGEST = 1000  # of any unit; where a class would vanish the size shrinks step by step
_REDRAWS = 8  # attempts of a model without an amount before the label stays as it is


@dataclass(frozen=True)
class NoiseRecord:
    """What was done to one label map.

    Attributes:
        operation: The model's word (`dilate`, `erode`, ...), or `none` where the result is the given label.
        size: Size that was applied, in `unit`; what it measures is the model's to say. None without amount.
        size_drawn: Size that was drawn; larger than `size` where it would have deleted a class.
        unit: `voxel`, `mm` or `percent`; None without amount.
        weakened: Whether less was done than was drawn so that no class vanished.
        details: Parameters that the model drew.
    """

    operation: str
    size: float | None
    size_drawn: float | None
    unit: Unit | None
    weakened: bool = False
    details: dict[str, Any] = field(default_factory=dict)


def case_generator(seed: int, case_id: str) -> np.random.Generator:
    """Generator of one case: the same for a seed and a case id, whatever cases or workers come before it."""
    digest = hashlib.sha256(case_id.encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "little")])


def check_size(size: tuple[float, float], unit: Unit) -> None:
    """Raise `UsageError` unless `size` is a range of possible sizes, whole numbers for voxels."""
    low, high = size
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low <= high):
        raise UsageError(f"--size: expected two sizes LO <= HI, not negative, got {low} {high}.")
    if high > _LARGEST:
        raise UsageError(f"--size: expected at most {_LARGEST} {unit}, got {low:g} {high:g}.")
    if unit == "voxel" and (low != int(low) or high != int(high)):
        raise UsageError(
            f"--size: expected whole voxels, got {low} {high}. Round them or measure in mm with --unit mm."
        )


def resolve_size(
    model: NoiseModel, size: tuple[float, float] | None, unit: Unit | None
) -> tuple[tuple[float, float], Unit] | None:
    """Range and unit that are drawn from, with the model's own where they are not given.

    A size without a unit counts in the first unit of the model that is no percentage (`mm`, or `voxel` for
    cube and ball), in percent where there is no other.

    Returns:
        Range and unit; None for a model without an amount.

    Raises:
        UsageError: If the model has no amount or does not take the unit, or the sizes are no range.
    """
    if model.amount is None:
        if size is None and unit is None:
            return None
        raise UsageError("--size, --unit: this noise model has no amount. Leave both out.")
    ranges = model.amount.ranges
    absolute: list[Unit] = [name for name in ranges if name != "percent"]
    if unit is not None:
        chosen = unit
    else:
        chosen = absolute[0] if size is not None and absolute else next(iter(ranges))
    if chosen not in ranges:
        raise UsageError(f"--unit: expected one of {', '.join(ranges)} for this noise model, got '{chosen}'.")
    found = ranges[chosen] if size is None else size
    check_size(found, chosen)
    return found, chosen


def corrupt_label(
    label: LabelMap,
    *,
    model: NoiseModel,
    size: tuple[float, float] | None = None,
    unit: Unit | None = None,
    spacing: Spacing,
    rng: np.random.Generator,
    background: int = 0,
    keep_nonempty: bool = True,
    others: OtherLabels | None = None,
) -> tuple[LabelMap, NoiseRecord]:
    """Make one label map worse by a drawn size; size 0 and a label without foreground stay as they are.

    Sizes in voxels are drawn from the whole numbers LO..HI, those in mm and percent from the interval.

    Args:
        label: Label map with any integer values, `(X, Y, Z)`; it is not written to.
        model: How it is spoiled, one of `NOISE_MODELS`.
        size: Smallest and largest size; None takes the model's.
        unit: Unit of `size`; None takes the model's, see `resolve_size`.
        spacing: Voxel size in mm, one value per axis.
        rng: Source of all draws.
        background: Value of the background.
        keep_nonempty: Retry with smaller sizes, or other draws where there is no size, until every class of
            `label` survives.
        others: Labels of other cases, for the models that need them.

    Returns:
        The changed label map, same shape and dtype, and what was done.

    Raises:
        UsageError: If size and unit do not fit the model, or it needs other cases and there are none.
        ShapeError: If `spacing` does not have one positive value per axis.

    Source:
        Dilation or erosion by a coin: public generator of Xu et al., IEEE TMI 41(11), 2022,
        doi:10.1109/TMI.2022.3176915; `keep_nonempty` and the rule for several classes are ours.
    """
    check_spacing(label.shape, spacing)
    resolved = resolve_size(model, size, unit)
    # These two draws come first and in this order, so that cube and ball reproduce published seeds.
    operation: Operation = "dilate" if rng.integers(2) == 0 else "erode"
    drawn = None if resolved is None else _draw(*resolved, rng)
    seed = int(rng.integers(2**63))
    values = foreground_values(label, background)
    for attempt, applied in enumerate(_sizes(drawn, None if resolved is None else resolved[1], spacing)):
        if applied == 0 or not values:
            outcome = Outcome(label.copy(), "none")
        else:
            context = NoiseContext(
                spacing=spacing,
                background=background,
                # With a size: the same pattern at every attempt, only weaker. Without: another draw.
                rng=np.random.default_rng(seed if applied else [seed, attempt]),
                size=applied or 0.0,
                unit="percent" if resolved is None else resolved[1],
                operation=operation,
                keep_nonempty=keep_nonempty,
                others=others,
            )
            outcome = model(label, context)
        if not keep_nonempty or foreground_values(outcome.label, background) == values:
            break
    return outcome.label, NoiseRecord(
        operation="none" if np.array_equal(outcome.label, label) else outcome.operation,
        size=None if drawn is None else applied,
        size_drawn=drawn,
        unit=None if resolved is None else resolved[1],
        weakened=attempt > 0 or outcome.weakened,
        details=outcome.details,
    )


def _draw(size: tuple[float, float], unit: Unit, rng: np.random.Generator) -> float:
    low, high = size
    return float(rng.integers(int(low), int(high) + 1)) if unit == "voxel" else float(rng.uniform(low, high))


def _sizes(drawn: float | None, unit: Unit | None, spacing: Spacing) -> Iterator[float | None]:
    """Sizes to try, ever weaker; 0 comes last and is the identity. None stands for no size."""
    if drawn is None:
        yield from [None] * _REDRAWS
        yield 0.0
        return
    step = {"voxel": 1.0, "mm": min(spacing), "percent": _PERCENT_STEP}[unit or "mm"]
    while drawn > 0:
        yield drawn
        drawn -= step
    yield 0.0
