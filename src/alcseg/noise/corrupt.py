"""One label map made worse: draw operation and size, change the foreground, keep every class alive."""

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alcseg.errors import UsageError
from alcseg.noise._classes import foreground_values, relabel
from alcseg.noise.model import NoiseModel, Operation, Unit
from alcseg.types import LabelMap, Spacing

__all__ = ["NoiseRecord", "case_generator", "check_size", "corrupt_label"]


@dataclass(frozen=True)
class NoiseRecord:
    """What was done to one label map.

    Attributes:
        operation: `dilate`, `erode`, or `none` where the result is the given label map.
        size: Size that was applied, in `unit`; what it measures is the model's to say.
        size_drawn: Size that was drawn; larger than `size` where it would have deleted a class.
        unit: `voxel` or `mm`.
    """

    operation: Literal["dilate", "erode", "none"]
    size: float
    size_drawn: float
    unit: Unit


def case_generator(seed: int, case_id: str) -> np.random.Generator:
    """Generator of one case: the same for a seed and a case id, whatever cases or workers come before it."""
    digest = hashlib.sha256(case_id.encode("utf-8")).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "little")])


def check_size(size: tuple[float, float], unit: Unit) -> None:
    """Raise `UsageError` unless `size` is a range of possible sizes, whole numbers for voxels."""
    low, high = size
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low <= high):
        raise UsageError(f"--size: expected two sizes LO <= HI, not negative, got {low} {high}.")
    if unit == "voxel" and (low != int(low) or high != int(high)):
        raise UsageError(
            f"--size: expected whole voxels, got {low} {high}. Round them or measure in mm with --unit mm."
        )


def corrupt_label(
    label: LabelMap,
    *,
    model: NoiseModel,
    size: tuple[float, float],
    unit: Unit,
    spacing: Spacing,
    rng: np.random.Generator,
    background: int = 0,
    keep_nonempty: bool = True,
) -> tuple[LabelMap, NoiseRecord]:
    """Dilate or erode the foreground of a label map, each with probability 1/2, by a drawn size.

    The union of all classes is changed; kept voxels keep their class, gained ones take the class of the
    nearest foreground voxel. Sizes in voxels are drawn from the whole numbers LO..HI, those in mm from the
    interval.

    Args:
        label: Label map with any integer values, `(X, Y, Z)`; it is not written to.
        model: How a foreground is changed, one of `NOISE_MODELS`.
        size: Smallest and largest size.
        unit: Unit of `size`.
        spacing: Voxel size in mm, one value per axis.
        rng: Source of the two draws.
        background: Value of the background.
        keep_nonempty: Retry an erosion with smaller sizes until every class of `label` survives.

    Returns:
        The changed label map, same shape and dtype, and what was done.

    Raises:
        UsageError: If the sizes are no range, or not whole voxels with `unit="voxel"`.
        ShapeError: If `spacing` does not have one positive value per axis.

    Source:
        Public generator of Xu et al., IEEE TMI 41(11), 2022, doi:10.1109/TMI.2022.3176915; `keep_nonempty`
        and the rule for several classes are ours.
    """
    check_size(size, unit)
    operation: Operation = "dilate" if rng.integers(2) == 0 else "erode"
    low, high = size
    drawn = float(rng.integers(int(low), int(high) + 1)) if unit == "voxel" else float(rng.uniform(low, high))
    foreground = label != background
    values = foreground_values(label, background)
    step = 1.0 if unit == "voxel" else min(spacing)
    applied = drawn
    while True:
        changed = model(foreground, spacing=spacing, size=applied, unit=unit, operation=operation)
        result = relabel(label, changed, spacing=spacing, background=background)
        if not keep_nonempty or foreground_values(result, background) == values:
            break
        # Every model is the identity at its smallest size, where all classes survive, so this ends.
        applied = max(applied - step, 0.0)
    kind: Literal["dilate", "erode", "none"] = operation
    if np.array_equal(changed, foreground):
        kind = "none"
    return result, NoiseRecord(operation=kind, size=applied, size_drawn=drawn, unit=unit)
