"""Errors of every kind, made on labels that are believed: what a judge learns from.

Sizes are drawn in percent of the organ, so that they suit every set. An error that hardly changes a class
(Dice above 0.97) counts as none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from alcseg.auditing.agreement import class_agreements
from alcseg.distances import signed_distance
from alcseg.metrics.surface import assd
from alcseg.noise import NOISE_MODELS, OtherLabels, case_generator, corrupt_label
from alcseg.types import LabelMap, Spacing

__all__ = ["KINDS", "Kind", "Simulated", "draw_errors", "kind_of_noise", "simulate", "surface_error"]

Kind = Literal[
    "none", "too_large", "too_small", "ragged", "missing", "extra", "shifted", "mirrored", "exchanged",
    "other_case", "empty",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

_AS_GOOD = 0.97
_NONE_SHARE = 0.25

_OF_MODELS: Mapping[str, Kind | None] = {
    "ball": None,
    "cube": None,
    "markov_boundary": "ragged",
    "missing_slices": "missing",
    "shift_rotate": "shifted",
    "slice_offset": "ragged",
    "smooth_boundary": "ragged",
    "class_swap": "exchanged",
    "other_case": "other_case",
}
"""Noise models that are drawn from, to the kind of error that they make; None where the operation decides."""

_OF_OTHERS: Mapping[str, Kind] = {"reader": "ragged"}
"""The same of models that are not drawn from: what readers do differently is made of the others."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A spoiled label and the truth about it.

    Attributes:
        label: Classes 0..K-1, `(X, Y, Z)`.
        kinds: Kind of error by foreground class.
        dice: Dice with the label before, by foreground class, `(K - 1,)`.
        surface_mm: Mean distance of the two surfaces, by foreground class, `(K - 1,)`.
    """

    label: LabelMap
    kinds: tuple[Kind, ...]
    dice: NDArray[np.float64]
    surface_mm: NDArray[np.float64]


def simulate(
    label: LabelMap,
    classes: int,
    spacing: Spacing,
    rng: np.random.Generator,
    others: OtherLabels | None = None,
    keep: Callable[[LabelMap], LabelMap] | None = None,
) -> Simulated:
    """Draw an error, or none, and make it on a label.

    Args:
        label: Classes 0..K-1, `(X, Y, Z)`.
        classes: K.
        spacing: Voxel size in mm.
        rng: Of all draws.
        others: Labels of other cases; None where there is none.
        keep: Takes away from an error what lies where nobody knows the label; None if all of it is known.
    """
    if rng.random() < _NONE_SHARE or not label.any():
        spoiled, kinds = label, ["none"] * (classes - 1)
    else:
        spoiled, kinds = _spoil(label, classes, spacing, rng, others)
    if keep is not None:
        spoiled = keep(spoiled)
    scores = class_agreements(spoiled, label, classes)
    errors = [surface_error(spoiled == index, label == index, spacing) for index in range(1, classes)]
    settled = tuple("none" if score > _AS_GOOD else kind for kind, score in zip(kinds, scores, strict=True))
    return Simulated(spoiled, settled, np.array(scores), np.array(errors))  # type: ignore[arg-type]


def draw_errors(
    name: str,
    names: Sequence[str],
    read: Callable[[str], tuple[LabelMap, Spacing]],
    classes: int,
    *,
    draws: int,
    seed: int,
    keep: Callable[[LabelMap], LabelMap] | None = None,
) -> Iterator[Simulated]:
    """Errors on the label of one case of several.

    Args:
        name: The case.
        names: All cases, whose labels may stand in for another.
        read: Classes 0..K-1 of a case, `(X, Y, Z)`, and its voxel size in mm.
        classes: K.
        draws: How many.
        seed: Mixed with the case and the number of the draw.
        keep: See `simulate`.
    """
    label, spacing = read(name)
    rest = tuple(other for other in names if other != name)
    others = OtherLabels(rest, read) if rest else None
    for number in range(draws):
        yield simulate(label, classes, spacing, case_generator(seed, f"{name}/{number}"), others, keep)


def surface_error(mask: NDArray[np.bool_], truth: NDArray[np.bool_], spacing: Spacing) -> float:
    """Mean distance of two surfaces in mm; the diameter of a ball of its size where only one is there."""
    if mask.any() and truth.any():
        return assd(mask, truth, spacing)
    volume = float(max(mask.sum(), truth.sum()) * np.prod(spacing))
    return float((6 * volume / np.pi) ** (1 / 3))


def kind_of_noise(model: str, operation: str) -> Kind:
    """Kind of error that a noise model makes.

    Args:
        model: Its name; for a mixture, of the model that was drawn.
        operation: What it did, as `noise.json` states it.
    """
    if operation == "none":
        return "none"
    return {**_OF_MODELS, **_OF_OTHERS}[model] or ("too_small" if operation == "erode" else "too_large")


def _spoil(
    label: LabelMap,
    classes: int,
    spacing: Spacing,
    rng: np.random.Generator,
    others: OtherLabels | None,
) -> tuple[LabelMap, list[str]]:
    """A spoiled label and the kind of error of each class."""
    makers: dict[str, Callable[[], tuple[LabelMap, str]]] = {
        name: partial(_by_model, name, label, spacing, rng, others) for name in _OF_MODELS
    }
    makers |= {
        "half": lambda: (_half(label, rng), "missing"),
        "extra": lambda: (_extra(label, spacing, rng), "extra"),
        "mirrored": lambda: (np.flip(label, int(rng.integers(3))), "mirrored"),
        "class_missing": lambda: (label, "empty"),
    }
    if classes > 2:
        makers["renamed"] = lambda: (_renamed(label, classes, rng), "exchanged")
    if others is None:
        del makers["other_case"]
    if classes == 2:
        del makers["class_swap"]
    name = sorted(makers)[int(rng.integers(len(makers)))]
    spoiled, kind = makers[name]()
    if name != "class_missing":
        return spoiled, [kind] * (classes - 1)
    gone = [index for index in range(1, classes) if rng.random() < 0.5] or [int(rng.integers(1, classes))]
    return np.where(np.isin(label, gone), 0, label), [
        "empty" if index in gone else "none" for index in range(1, classes)
    ]


def _by_model(
    name: str,
    label: LabelMap,
    spacing: Spacing,
    rng: np.random.Generator,
    others: OtherLabels | None,
) -> tuple[LabelMap, str]:
    model = NOISE_MODELS[name]
    spoiled, record = corrupt_label(
        _as_map(label),
        model=model,
        unit=None if model.amount is None else "percent",
        spacing=spacing,
        rng=rng,
        keep_nonempty=False,
        others=others,
    )
    return spoiled, kind_of_noise(name, record.operation)


def _as_map(label: LabelMap) -> LabelMap:
    return np.ascontiguousarray(label)


def _half(label: LabelMap, rng: np.random.Generator) -> LabelMap:
    """Nothing drawn beyond a plane through the organ."""
    points = np.argwhere(label > 0)
    normal = rng.standard_normal(3)
    along = points @ normal
    cut = np.quantile(along, rng.uniform(0.2, 0.7))
    spoiled = label.copy()
    spoiled[tuple(points[along < cut].T)] = 0
    return spoiled


def _extra(label: LabelMap, spacing: Spacing, rng: np.random.Generator) -> LabelMap:
    """A ball of one class that begins at the organ's boundary or stands near it."""
    index = int(rng.choice(np.unique(label[label > 0])))
    volume = float((label > 0).sum() * np.prod(spacing))
    radius = (3 * volume * rng.uniform(0.05, 0.4) / (4 * np.pi)) ** (1 / 3)
    far = signed_distance(label > 0, spacing)
    near = np.argwhere((far > 0) & (far < 2 * radius))
    if not len(near):
        return label
    center = near[int(rng.integers(len(near)))] * np.asarray(spacing)
    grid = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(label.shape, spacing, strict=True)),
                                indexing="ij"), axis=-1)  # fmt: skip
    ball = ((grid - center) ** 2).sum(axis=-1) <= radius**2
    return np.where(ball & (label == 0), index, label)


def _renamed(label: LabelMap, classes: int, rng: np.random.Generator) -> LabelMap:
    """Two classes with each other's names."""
    first, second = (int(index) for index in rng.permutation(np.arange(1, classes))[:2])
    names = np.arange(classes)
    names[[first, second]] = second, first
    renamed: LabelMap = names[label]
    return renamed
