"""Simulated label noise: one model per file, each maps a label map to a worse one on the same grid.

To add a model, write `noise/<name>.py` with a `NoiseModel` and add its line to `_MODELS`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from alcseg.arrays import check_spacing, label_map
from alcseg.errors import ConfigError, ShapeError
from alcseg.noise.ball import BALL
from alcseg.noise.class_swap import ClassSwap
from alcseg.noise.corrupt import (
    NoiseRecord,
    case_generator,
    check_size,
    corrupt_label,
    resolve_size,
)
from alcseg.noise.cube import CUBE
from alcseg.noise.distance import offset_mm_mean
from alcseg.noise.markov_boundary import MarkovBoundary
from alcseg.noise.missing_slices import MissingSlices
from alcseg.noise.mixture import MEMBERS, Mixture
from alcseg.noise.model import Amount, NoiseContext, NoiseModel, Operation, OtherLabels, Outcome, Unit
from alcseg.noise.other_case import OtherCase
from alcseg.noise.reader import Reader
from alcseg.noise.shift_rotate import ShiftRotate
from alcseg.noise.slice_offset import SliceOffset
from alcseg.noise.smooth_boundary import SmoothBoundary
from alcseg.plugins import Registry
from alcseg.types import LabelMap

__all__ = [
    "NOISE_MODELS",
    "Amount",
    "NoiseContext",
    "NoiseModel",
    "NoiseRecord",
    "Operation",
    "OtherLabels",
    "Outcome",
    "Unit",
    "apply",
    "case_generator",
    "check_size",
    "corrupt_label",
    "noise_model",
    "offset_mm_mean",
    "resolve_size",
]

_MODELS: dict[str, NoiseModel] = {
    "ball": BALL,
    "class_swap": ClassSwap(),
    "cube": CUBE,
    "markov_boundary": MarkovBoundary(),
    "missing_slices": MissingSlices(),
    "other_case": OtherCase(),
    "reader": Reader(),
    "shift_rotate": ShiftRotate(),
    "slice_offset": SliceOffset(),
    "smooth_boundary": SmoothBoundary(),
}
NOISE_MODELS = Registry(
    "noise model",
    _MODELS | {"mixture": Mixture({name: _MODELS[name] for name in MEMBERS})},
    group="alcseg.noise",
    wanted="an instance of alcseg.noise.NoiseModel",
    accept=lambda found: found if isinstance(found, NoiseModel) else None,
)


def noise_model(name: str) -> NoiseModel:
    """Look up a model; `mixture:a,b` draws one of the models a and b for each case.

    Raises:
        ConfigError: If there is no such model.
    """
    kind, colon, listed = name.partition(":")
    if kind != "mixture" or not colon:
        return NOISE_MODELS[name]
    models = {word: NOISE_MODELS[word] for word in listed.split(",")}
    if "mixture" in models:
        raise ConfigError(f"noise model: expected mixture:NAME,NAME of other models, got '{name}'.")
    return Mixture(models)


def apply(
    model: str,
    label: ArrayLike,
    spacing: Sequence[float],
    *,
    seed: int | np.random.Generator = 0,
    size: tuple[float, float] | None = None,
    unit: Unit | None = None,
    background: int = 0,
    keep_nonempty: bool = True,
    others: OtherLabels | None = None,
) -> LabelMap:
    """Make a label map worse, as `alcseg corrupt` does; `corrupt_label` also says what was done.

    Args:
        model: A name of `NOISE_MODELS`, or `mixture:NAME,NAME`.
        label: Label map, whole numbers of any type, `(X, Y, Z)`; it is not written to.
        spacing: Voxel size in mm, one value per axis, in axis order.
        seed: Of all draws, or their source. `alcseg corrupt` mixes its seed with the case id, so that each
            case has draws of its own: `case_generator(seed, case_id)` in its place gives the same voxels.
        size: Smallest and largest size; None takes the model's.
        unit: Unit of `size`: `voxel`, `mm` or `percent`; None takes the model's.
        background: Value of the background.
        keep_nonempty: Do less where a class would vanish.
        others: Labels of other cases, for the models that need them.

    Returns:
        The changed label map, same shape; the same type, where it was one of whole numbers.

    Raises:
        ConfigError: If there is no such model.
        UsageError: If size and unit do not fit the model, or it needs other cases and there are none.
        LabelError: If a value is no whole number.
        ShapeError: If the label map has not three axes, or `spacing` not one positive value for each.

    Examples:
        >>> import numpy as np
        >>> import alcseg.noise
        >>> label = np.zeros((16, 16, 8), np.uint8)
        >>> label[4:12, 4:12, 2:6] = 1
        >>> noisy = alcseg.noise.apply("cube", label, (1.0, 1.0, 2.0), size=(3, 3), unit="voxel", seed=1)
        >>> int(label.sum()), int(noisy.sum())
        (256, 600)

        The label that `alcseg corrupt --model missing_slices --seed 0` gives the case la_017:

        >>> rng = alcseg.noise.case_generator(0, "la_017")
        >>> int(alcseg.noise.apply("missing_slices", label, (1.0, 1.0, 2.0), seed=rng).sum())
        192
    """
    given = label_map(label, "label")
    if given.ndim != 3:
        raise ShapeError(f"label: expected an array of three axes, got the shape {given.shape}.")
    noisy, _ = corrupt_label(
        given,
        model=noise_model(model),
        size=size,
        unit=unit,
        spacing=check_spacing(given.shape, spacing),
        rng=np.random.default_rng(seed),
        background=background,
        keep_nonempty=keep_nonempty,
        others=others,
    )
    return noisy
