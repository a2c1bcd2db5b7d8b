"""How readers draw: bias and Dice of each reader by class, with intervals over cases and a dot per case."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alcseg.records.raters import RaterCaseRow, RaterRow
from alcseg.reporting.drawing import INK, PAGE_INCH, POINTS, SERIES, tidy

__all__ = ["rater_figure"]

_ROW_INCH, _HEAD_INCH = 0.28, 0.6
_SPREAD = 0.28  # of the dots of a reader, in rows


def rater_figure(raters: Sequence[RaterRow], cases: Sequence[RaterCaseRow]) -> Figure:
    """A row of panels per class: signed bias in mm at the left, Dice at the right, a line per reader.

    Args:
        raters: A line per reader and class, not empty.
        cases: The cases behind them.
    """
    classes = list(dict.fromkeys(row.class_name for row in raters))
    names = list(dict.fromkeys(row.rater for row in raters))
    height = (_HEAD_INCH + _ROW_INCH * len(names)) * len(classes) + 0.2
    figure = Figure(figsize=(PAGE_INCH, height), layout="constrained")
    grid = figure.subplots(len(classes), 2, squeeze=False, sharex="col")
    for axes, name in zip(grid, classes, strict=True):
        own = [row for row in raters if row.class_name == name]
        for panel, field, title in ((axes[0], "bias_mm", "bias (mm)"), (axes[1], "dice", "Dice")):
            _draw(panel, own, [row for row in cases if row.class_name == name], names, field)
            panel.set_title(f"{name}: {title}", fontsize=POINTS, color=INK)
        axes[0].axvline(0, color="#888888", linewidth=0.8, linestyle="dashed")
    grid[-1][0].set_xlabel("smaller than the consensus   |   larger", fontsize=POINTS)
    grid[-1][1].set_xlabel("to the consensus", fontsize=POINTS)
    return figure


def _draw(
    axes: Axes, raters: Sequence[RaterRow], cases: Sequence[RaterCaseRow], names: Sequence[str], field: str
) -> None:
    low, high = ("bias_low", "bias_high") if field == "bias_mm" else ("dice_low", "dice_high")
    for row in raters:
        place = names.index(row.rater)
        values = [getattr(one, field) for one in cases if one.rater == row.rater]
        values = [value for value in values if math.isfinite(value)]
        spread = place + _SPREAD * np.linspace(-1, 1, max(len(values), 1))[: len(values)]
        axes.scatter(values, spread, s=4, alpha=0.35, linewidths=0, color=SERIES[0])
        color = SERIES[1] if row.stands_out else INK
        ends = [[getattr(row, field) - getattr(row, low)], [getattr(row, high) - getattr(row, field)]]
        axes.errorbar(
            getattr(row, field),
            place,
            xerr=ends,
            fmt="o",
            markersize=4,
            capsize=3,
            color=color,
            linewidth=1.4,
        )
    axes.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.4, -0.6))
    tidy(axes)
