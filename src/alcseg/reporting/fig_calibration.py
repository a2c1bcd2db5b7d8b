"""Expected against true errors of simulated labels: how far what is promised is to be believed."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from alcseg.records.foretold import Foretold
from alcseg.reporting.drawing import INK, POINTS, SERIES, tidy

__all__ = ["CAPTION", "calibration_figure"]

CAPTION = (
    "Errors (1 - Dice) simulated on labels whose truth is known: what was expected, by those that had not "
    "seen the case, against what was true. On the diagonal both agree; above it labels are worse than they "
    "seem. Eight of ten lie within a bar."
)
_MARKERS = "os"


def calibration_figure(curves: Mapping[str, Sequence[Foretold]]) -> Figure:
    """A curve per name.

    Args:
        curves: Name to its points, the smallest expected error first.
    """
    figure = Figure(figsize=(4.4, 4.0), layout="constrained")
    axes = figure.subplots()
    every = [point for points in curves.values() for point in points]
    end = min(1.0, 0.05 + max(max(point.expected, point.high) for point in every))
    axes.plot([0, end], [0, end], color="#999999", linewidth=1.0, linestyle="dashed", zorder=1)
    for index, (name, points) in enumerate(curves.items()):
        expected, true, low, high = np.array([(p.expected, p.true, p.low, p.high) for p in points]).T
        below, above = np.maximum(true - low, 0), np.maximum(high - true, 0)
        axes.errorbar(
            expected, true, yerr=[below, above], color=SERIES[index], marker=_MARKERS[index % 2],
            markersize=5, linewidth=1.4, elinewidth=0.9, capsize=2, label=name,
        )  # fmt: skip
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    axes.set_xlabel("expected error", fontsize=POINTS + 1, color=INK)
    axes.set_ylabel("true error", fontsize=POINTS + 1, color=INK)
    tidy(axes)
    if len(curves) > 1:
        axes.legend(fontsize=POINTS, frameon=False, loc="upper left")
    return figure
