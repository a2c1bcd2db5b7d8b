"""Values of a label map against the classes that a dataset names."""

from collections.abc import Mapping

import numpy as np

from alcseg.arrays import values_in
from alcseg.data.case import Volume
from alcseg.data.voxel_values import MANY_VALUES, require_not_negative
from alcseg.errors import LabelError
from alcseg.words import shorten

__all__ = ["require_named_values"]


def require_named_values(label: Volume, labels: Mapping[str, int]) -> None:
    """Raise unless every value of a label map has a name.

    Raises:
        LabelError: If one has none; the message names the `--label-map` that may be meant.
    """
    present = values_in(label.array)
    require_not_negative(present, label.path)
    if present.issubset(labels.values()):
        return
    unknown = [
        (int(value), int(count))
        for value, count in zip(*np.unique(label.array, return_counts=True), strict=True)
        if value not in labels.values()
    ]
    free = [value for value in list(labels.values())[1:] if value not in present] or list(labels.values())[
        -1:
    ]
    guess = f"{unknown[0][0]}={free[0]}"
    remedy = (
        "With this many values it looks like an image; give the label file instead."
        if len(unknown) > MANY_VALUES
        else f"Import with --label-map {guess} if that is what is meant, or name the value in dataset.json."
    )
    names = shorten(f"{value} ({name})" for name, value in labels.items())
    others = shorten(f"{value} in {count} voxels" for value, count in unknown)
    raise LabelError(f"{label.path}: expected the values of dataset.json, {names}, found {others}. {remedy}")
