"""Scores of label maps that are arrays already, for notebooks and programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from alcseg.arrays import check_spacing, foreground_values, label_map
from alcseg.errors import LabelError
from alcseg.frames import to_frame
from alcseg.metrics.pair import ClassScores, evaluate_pair
from alcseg.metrics.registry import Metric, select

__all__ = ["Scores", "evaluate"]


@dataclass(frozen=True)
class Scores:
    """Scores of one label map: `scores["liver"]["dice"]`.

    Attributes:
        classes: Name of a class, or its label value where it has no name, to its scores.
        units: Metric to unit.
    """

    classes: Mapping[str | int, ClassScores]
    units: Mapping[str, str]

    def __getitem__(self, name: str | int) -> Mapping[str, float]:
        return self.classes[name].scores

    def to_dict(self) -> dict[str | int, dict[str, float]]:
        """Class to metric to value."""
        return {name: dict(entry.scores) for name, entry in self.classes.items()}

    def to_frame(self) -> Any:
        """A pandas table with the columns class, metric, value, unit, status.

        Raises:
            ResourceError: If pandas is not installed.
        """
        return to_frame(
            {
                "class": name,
                "metric": metric,
                "value": value,
                "unit": self.units[metric],
                "status": entry.status,
            }
            for name, entry in self.classes.items()
            for metric, value in entry.scores.items()
        )


def evaluate(
    pred: ArrayLike,
    truth: ArrayLike,
    spacing: Sequence[float],
    *,
    classes: Mapping[str, int] | Sequence[int] | None = None,
    metrics: Sequence[str] | Mapping[str, Metric] | None = None,
    tolerance_mm: float = 1.0,
) -> Scores:
    """Score a label map against a reference, class by class.

    Args:
        pred: Predicted label map, whole numbers of any type, `(X, Y, Z)`.
        truth: Reference label map, same shape.
        spacing: Voxel size in mm, one value per axis, in axis order; 1 for distances in voxels.
        classes: Label values to score, with or without names; None takes the values of either other than 0.
        metrics: Names from `METRICS`, or other metrics by name; None takes all of `METRICS`.
        tolerance_mm: Distance that `nsd` takes as no error.

    Returns:
        The scores. A class that only one of the two has gets the penalty that each metric states, one that
        neither has `nan`.

    Raises:
        LabelError: If a value is no whole number, or there is no class to score.
        ShapeError: If the shapes differ or `spacing` does not have one positive value per axis.
        ConfigError: If there is no such metric.

    Examples:
        >>> import numpy as np
        >>> import alcseg.metrics
        >>> truth = np.zeros((8, 8, 8), np.uint8)
        >>> truth[2:6, 2:6, 2:6] = 1
        >>> pred = np.roll(truth, 1, axis=0)
        >>> scores = alcseg.metrics.evaluate(pred, truth, (1.0, 1.0, 2.0), metrics=["dice", "hd95"])
        >>> scores[1]["dice"]
        0.75
        >>> scores.to_dict()
        {1: {'dice': 0.75, 'hd95': 1.0}}
        >>> named = alcseg.metrics.evaluate(pred, truth, (1, 1, 2), classes={"liver": 1}, metrics=["assd"])
        >>> round(named["liver"]["assd"], 3)
        0.357
    """
    given, wanted = label_map(pred, "pred"), label_map(truth, "truth")
    steps = check_spacing(wanted.shape, spacing)
    if classes is None:
        classes = sorted(foreground_values(given) | foreground_values(wanted))
    named = classes if isinstance(classes, Mapping) else {int(value): int(value) for value in classes}
    if not named:
        raise LabelError("expected at least one label value other than 0, found none. Name the classes.")
    chosen = select(metrics)
    found = evaluate_pair(
        given, wanted, list(named.values()), steps, metrics=chosen, tolerance_mm=tolerance_mm
    )
    units = {name: metric.unit for name, metric in chosen.items()}
    return Scores(dict(zip(named, found, strict=True)), units)
