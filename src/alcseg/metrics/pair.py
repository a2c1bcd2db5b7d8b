"""All metrics of all classes for one predicted label map, with what becomes of a missed structure."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from alcseg.boxes import bounding_box
from alcseg.errors import ShapeError
from alcseg.metrics.registry import MaskPair, Metric, select
from alcseg.records.scores import Status
from alcseg.types import FloatArray, LabelMap, Mask, Spacing

__all__ = ["ClassScores", "Status", "evaluate_pair"]


@dataclass(frozen=True)
class ClassScores:
    """Scores of one class in one case.

    Attributes:
        value: Label value of the class.
        status: `ok`; `missed` where only the reference has it; `spurious` where only the prediction has it;
            `both_empty` where neither has; `not_drawn` where nobody drew the class in the case.
        scores: Metric name to value. For `missed` and `spurious` the metric's penalty: 0 for fractions, the
            diagonal of the volume for distances. For `both_empty` and `not_drawn` `nan`.
    """

    value: int
    status: Status
    scores: dict[str, float]


def evaluate_pair(
    pred: LabelMap,
    truth: LabelMap,
    classes: Sequence[int],
    spacing: Spacing,
    *,
    metrics: Sequence[str] | Mapping[str, Metric] | None = None,
    tolerance_mm: float = 1.0,
    directions: FloatArray | None = None,
    known: Mask | None = None,
    undrawn: Collection[int] = (),
) -> tuple[ClassScores, ...]:
    """Score a label map class by class.

    Args:
        pred: Predicted label map, `(X, Y, Z)`.
        truth: Reference label map, same shape.
        classes: Label values to score, without the background.
        spacing: Voxel size in mm, one value per axis; 1 for distances in voxels.
        metrics: Names from `METRICS`, or other metrics by name; all of `METRICS` by default.
        tolerance_mm: Of `nsd`.
        directions: Unit vectors along the axes of a sheared grid, as columns, `(3, 3)`.
        known: Voxels that somebody labeled, bool, same shape; all where None. The others belong to neither
            mask, and surfaces do not run where knowledge ends; a distance is `nan` where no surface is left.
        undrawn: Label values of classes that nobody drew in the case.

    Returns:
        One entry per class, in the order of `classes`.

    Raises:
        ConfigError: If there is no such metric.
        ShapeError: If the shapes differ or `spacing` does not have one value per axis.
    """
    if pred.shape != truth.shape or len(spacing) != truth.ndim:
        raise ShapeError(
            f"expected two label maps of one shape and one spacing per axis, got {pred.shape}, {truth.shape} "
            f"and {spacing}. Bring the prediction to the grid of the truth."
        )
    chosen = select(metrics)
    extent = np.multiply(truth.shape, spacing)
    diagonal = math.hypot(*extent) if directions is None else _longest_diagonal(directions * extent)
    margin = 0 if known is None else 1  # whose neighbor is not known
    if 0 not in classes:  # one look at the whole volume, instead of one for each class
        drawn = bounding_box((pred != 0) | (truth != 0), margin)
        pred, truth, known = pred[drawn], truth[drawn], None if known is None else known[drawn]
    found = []
    for value in classes:
        if value in undrawn:
            found.append(ClassScores(int(value), "not_drawn", dict.fromkeys(chosen, math.nan)))
            continue
        in_pred, in_truth = pred == value, truth == value
        if known is not None:
            in_pred, in_truth = in_pred & known, in_truth & known
        box = bounding_box(in_pred | in_truth, margin)
        there = None if known is None else known[box]
        pair = MaskPair(in_pred[box], in_truth[box], spacing, tolerance_mm, directions, there)
        status = _status(bool(pair.pred.any()), bool(pair.ref.any()))
        if status == "both_empty":
            scores = dict.fromkeys(chosen, math.nan)
        elif status == "ok":
            scores = {name: metric.compute(pair) for name, metric in chosen.items()}
            if known is not None:  # no surface may be left
                scores = {name: math.nan if math.isinf(score) else score for name, score in scores.items()}
        else:
            scores = {name: metric.penalize(pair, diagonal) for name, metric in chosen.items()}
        found.append(ClassScores(int(value), status, scores))
    return tuple(found)


def _longest_diagonal(edges: FloatArray) -> float:
    """Of the parallelepiped with these edges as columns."""
    signs = np.array([*product((1, -1), repeat=edges.shape[1])]).T
    return float(np.linalg.norm(edges @ signs, axis=0).max())


def _status(in_pred: bool, in_ref: bool) -> Status:
    if in_pred and in_ref:
        return "ok"
    if in_ref:
        return "missed"
    return "spurious" if in_pred else "both_empty"
