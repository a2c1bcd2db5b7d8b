"""From the volumes of a case to the arrays a network sees; training and prediction share it."""

from collections.abc import Iterable
from math import prod

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.errors import DataError, LabelError
from alcseg.machine import memory_gib
from alcseg.records.plan import Plan, WantedSpacing
from alcseg.types import Affine, Mask, Spacing

__all__ = ["fits", "grid_at", "label_and_known", "model_grid", "preprocess_images", "preprocess_label"]

_SAME_SPACING = 0.01  # relative; resampling by less only blurs
PREPROCESS_VERSION = 2  # part of every cache key: raise it when the voxels that come out change


def preprocess_images(images: tuple[Volume, ...], plan: Plan) -> tuple[NDArray[np.float32], ModelGrid]:
    """Bring all channels of a case onto the model grid and normalize them.

    Args:
        images: One volume per channel, all on one grid.
        plan: How.

    Returns:
        `(C, X, Y, Z)` float32, and the way back to the source grid.

    Raises:
        DataError: If the number of channels is not the plan's, or the model grid is too large for memory.
    """
    if len(images) != len(plan.channel_names):
        raise DataError(
            f"{images[0].path}: expected {len(plan.channel_names)} channel(s) "
            f"({', '.join(plan.channel_names)}), got {len(images)}. "
            "Name the channels <case>_0000, <case>_0001, ..."
        )
    grid = model_grid(images[0].shape, images[0].affine, plan)
    if not fits(grid):
        first = images[0]
        raise DataError(
            f"{first.path}: expected a scan that fits into memory, found {_times(first.shape)} voxels of "
            f"{_times(first.spacing)} mm, which are {_times(grid.shape)} of {_times(grid.spacing)} mm. "
            "Correct voxel size or unit in the header, or take a larger machine."
        )
    channels = [_normalized(grid.image_to_model(image.array), plan, image) for image in images]
    return np.stack(channels), grid


def model_grid(shape: tuple[int, ...], affine: Affine, plan: Plan) -> ModelGrid:
    """The way from the grid of an image to that of the plan."""
    return grid_at(shape, affine, plan.spacing)


def grid_at(shape: tuple[int, ...], affine: Affine, spacing: WantedSpacing) -> ModelGrid:
    """The way from the grid of an image to one of another spacing."""
    own = ModelGrid.between(shape, affine)
    return ModelGrid.between(shape, affine, _wanted_spacing(own.spacing, spacing))


def fits(grid: ModelGrid) -> bool:
    """Whether one channel on the model grid, float32, would have room in the memory of this machine.

    A header whose unit or voxel size is wrong by a factor asks for terabytes.
    """
    memory = memory_gib()
    return memory is None or 4 * prod(grid.shape) < memory * 2**30


def preprocess_label(label: Volume, plan: Plan, grid: ModelGrid) -> NDArray[np.unsignedinteger]:
    """Bring a label map onto the model grid with its values mapped to classes 0..K-1.

    Args:
        label: Label map on the grid of its image.
        plan: Names the label values.
        grid: What `preprocess_images` gave for the image.

    Returns:
        `(X, Y, Z)` uint8, or uint16 where there are more than 256 classes; background where nobody labeled.

    Raises:
        LabelError: If a value is not in the plan.
    """
    return label_and_known(label, plan, grid)[0]


def label_and_known(
    label: Volume, plan: Plan, grid: ModelGrid
) -> tuple[NDArray[np.unsignedinteger], Mask | None]:
    """What `preprocess_label` gives, and the voxels of the model grid that somebody labeled.

    Voxels that nobody labeled go there as a class would: where they fill most of a voxel it is not known.

    Returns:
        Classes 0..K-1, `(X, Y, Z)`, and bool, `(X, Y, Z)`, or None where all voxels are known.
    """
    classes = _classes(label, plan)
    if label.known is None:
        return grid.label_to_model(classes), None
    unknown = len(plan.label_values)
    marked = classes.astype(np.min_scalar_type(unknown))
    marked[~label.known] = unknown
    marked = grid.label_to_model(marked)
    known = marked != unknown
    return np.where(known, marked, 0).astype(classes.dtype), None if known.all() else known


def _classes(label: Volume, plan: Plan) -> NDArray[np.unsignedinteger]:
    values = np.array(plan.label_values)
    order = np.argsort(values)
    position = np.clip(np.searchsorted(values[order], label.array), 0, len(values) - 1)
    classes = order[position]
    wrong = label.array[values[classes] != label.array]
    if wrong.size:
        raise LabelError(
            f"{label.path}: expected label values {list(plan.label_values)}, "
            f"found {sorted(set(wrong.tolist()))[:5]}. Run `alcseg check` on the dataset."
        )
    return classes.astype(np.min_scalar_type(len(values) - 1))


def _wanted_spacing(own: Spacing, spacing: WantedSpacing) -> Spacing:
    """The spacing, but a case's own where it is left open or differs by header rounding only."""
    return tuple(
        mine if wanted is None or abs(mine / wanted - 1) < _SAME_SPACING else wanted
        for mine, wanted in zip(own, spacing, strict=True)
    )


def _normalized(array: NDArray[np.float32], plan: Plan, image: Volume) -> NDArray[np.float32]:
    if plan.normalization == "none":
        return array.astype(np.float32)
    values = array.astype(np.float64)
    if plan.clip is not None:
        values = np.clip(values, *plan.clip)
    deviation = values.std()
    if not deviation > 0:
        window = "" if plan.clip is None else f" within {plan.clip[0]:g}..{plan.clip[1]:g}"
        raise DataError(
            f"{image.path}: expected varying intensities{window}, found a constant image. Leave the case out."
        )
    normalized: NDArray[np.float32] = ((values - values.mean()) / deviation).astype(np.float32)
    return normalized


def _times(values: Iterable[float]) -> str:
    return " x ".join(f"{value:g}" if value < 1e4 else f"{value:.0f}" for value in values)
