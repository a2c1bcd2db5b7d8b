"""A case reduced to a few numbers, so that a set of any size is compared in little memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.boxes import bounding_box, middle_of
from alcseg.checking.fit import Move, best_move, box_around, explained, gain, scaled
from alcseg.data.case import Volume
from alcseg.data.geometry import ModelGrid
from alcseg.records.cases import CaseRow
from alcseg.types import FloatArray, LabelMap

__all__ = ["AXES", "Sketch", "sketch"]

AXES = ("left-right", "back-front", "feet-head")
"""Of the RAS voxel order."""

_SAMPLES = 96  # along an axis, at which places and fits are measured: half the time on a left atrium
_PERCENTILES = (1, 99)  # beyond, intensities are cut off: one bright vessel would be all the variance
_SMALLER = 1 / 3

Triple = tuple[float, float, float]
_NOWHERE: Triple = (float("nan"),) * 3


@dataclass(frozen=True)
class Sketch:
    """What is kept of a labeled case.

    Attributes:
        row: Its line in `cases.csv`.
        volumes_ml: Class name to volume, the background left out; 0 for a class that is not there.
        extent_mm: The field of view along the axes of RAS.
        spacing: Voxel size in mm along the same axes.
        middle: Center of mass of the foreground as a share of the field of view, along the same axes, 0 to 1.
        apart_mm: Class name to the way from that center to the center of the class; `nan` if it is not there.
        fit: Share of the variance of intensities around the foreground that the classes explain.
        mirrored: Per axis, what the label mirrored along it would explain, and the logarithm of how many
            times as much that is as the label explains.
        moved: The same of the label moved along one axis, to where it would fit best.
        smaller: The same of the label with a third of its volume.
    """

    row: CaseRow
    volumes_ml: Mapping[str, float]
    extent_mm: Triple
    spacing: Triple
    middle: Triple
    apart_mm: Mapping[str, Triple]
    fit: float
    mirrored: tuple[tuple[float, float], ...]
    moved: Move
    smaller: tuple[float, float]


def sketch(row: CaseRow, image: Volume, label: Volume, labels: Mapping[str, int]) -> Sketch | None:
    """Reduce a case; None if its label holds background only.

    Args:
        row: Its line in `cases.csv`.
        image: The first channel.
        label: On the same grid, with the values of `labels` alone.
        labels: Class name to value, background first.
    """
    classes = _indices(label.array, labels)
    counts = np.bincount(classes.ravel(), minlength=len(labels))
    if not counts[1:].any():
        return None
    grid = ModelGrid.between(image.shape, image.affine)
    step = tuple(slice(None, None, -(-size // _SAMPLES)) for size in grid.shape)
    there = grid.label_to_model(classes)[step]
    if not there.any():  # what is thinner than a step would be lost
        step = (slice(None),) * 3
        there = grid.label_to_model(classes)
    values = grid.image_to_model(image.array)[step]
    values = np.clip(values, *np.percentile(values, _PERCENTILES))
    extent = _triple(np.multiply(grid.shape, grid.spacing))
    middle = (middle_of(there > 0) + 0.5) / there.shape
    box = box_around(there > 0)
    return Sketch(
        row,
        dict(zip(list(labels)[1:], (counts[1:] * image.voxel_mm3 / 1000).tolist(), strict=True)),
        extent,
        _triple(np.array(grid.spacing)),
        _triple(middle),
        _apart(there, list(labels)[1:], middle, extent),
        explained(values[box], there[box]),
        tuple(gain(values, there, np.flip(there, axis)) for axis in range(3)),
        best_move(values, there, _triple(np.divide(extent, there.shape))),
        gain(values, there, scaled(there, _SMALLER)),
    )


def _indices(label: NDArray[Any], labels: Mapping[str, int]) -> LabelMap:
    """Class indices in the order of `labels` for its values."""
    values = np.array(list(labels.values()))
    if np.array_equal(values, np.arange(len(values))):
        return label.astype(np.uint16)
    order = np.argsort(values)
    found: LabelMap = order[np.searchsorted(values[order], label)].astype(np.uint16)
    return found


def _apart(
    label: LabelMap, names: list[str], middle: NDArray[np.float64], extent: Triple
) -> dict[str, Triple]:
    found = {}
    for value, name in enumerate(names, start=1):
        box = bounding_box(label == value)
        found[name] = _NOWHERE
        if label[box].size:
            corner = np.array([side.start for side in box])
            center = (corner + middle_of(label[box] == value) + 0.5) / label.shape
            found[name] = _triple((center - middle) * extent)
    return found


def _triple(values: FloatArray) -> Triple:
    x, y, z = (float(value) for value in values)
    return x, y, z
