"""Dice over a setting: a line per dataset with intervals, named at its end."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from alcseg.reporting.drawing import INK, POINTS, SERIES, label_ends
from alcseg.reporting.sweeps import Point

__all__ = ["End", "draw_curve", "name_curves"]

_MARKERS = "os^Dv"

End = tuple[float, float, str]
"""Where a line ends, and its color."""


def draw_curve(axes: Axes, x: Sequence[float], points: Sequence[Point], index: int, label: str) -> End:
    """Draw means and 95 % intervals of the points at `x`; the `index` of the line decides on its look."""
    means = np.array([point.mean for point in points])
    low, high = np.array([point.interval for point in points]).T
    # The last bit of an interval of equal values may lie on the other side of their mean.
    below, above = np.maximum(means - low, 0), np.maximum(high - means, 0)
    color = SERIES[index % len(SERIES)]
    axes.errorbar(
        x, means, yerr=[below, above], color=color, marker=_MARKERS[index % len(_MARKERS)],
        markersize=4, linewidth=1.4, elinewidth=0.8, capsize=2, label=label,
    )  # fmt: skip
    return x[-1], float(means[-1]), color


def name_curves(axes: Axes, ends: Mapping[str, End]) -> None:
    """Names at the ends of several lines, that of a single one as the title."""
    if len(ends) == 1:
        axes.set_title(next(iter(ends)), fontsize=POINTS, color=INK)
    else:
        label_ends(axes, ends)
