"""How far labels were drawn off the boundary: what the network found against the truth."""

from math import isnan

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alcseg.reporting.drawing import GRID, INK, PAGE_INCH, POINTS, SERIES, tidy
from alcseg.reporting.offsets import read_offsets
from alcseg.reporting.records import Benchmark

__all__ = ["offset_figure"]

_COLUMNS = 4
_MARKERS = "os^Dv"

Points = dict[str, list[tuple[float, float]]]
"""True and found offset in mm, by row."""


def offset_figure(benchmark: Benchmark) -> Figure | None:
    """A panel per dataset, a dot per case and class; None where no true offset is known."""
    panels: dict[str, Points] = {}
    for dataset in benchmark.datasets:
        found: Points = {}
        for row in benchmark.rows:
            points = [
                (point.true_mm, point.found_mm)
                for run in benchmark.done(dataset.name, row.row)
                for point in read_offsets(dataset, run)
                if not isnan(point.true_mm + point.found_mm)
            ]
            if points:
                found[row.title] = points
        if found:
            panels[dataset.title] = found
    if not panels:
        return None
    names = list(dict.fromkeys(name for found in panels.values() for name in found))
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    side = PAGE_INCH / _COLUMNS
    figure = Figure(figsize=(side * max(columns, 2), (side + 0.15) * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = [points for found in panels.values() for points in found.values()]
    reach = 1.08 * max(abs(value) for points in drawn for both in points for value in both)
    for axes, (title, found) in zip(grid.flat, panels.items(), strict=False):
        _draw(axes, found, names, max(reach, 1.0))
        axes.set_title(title, fontsize=POINTS, color=INK)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("drawn too large in truth (mm)", fontsize=POINTS)
    figure.supylabel("found (mm)", fontsize=POINTS)
    if len(names) > 1:
        marks = {
            name: mark
            for axes in grid.flat
            for mark, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            handles=[marks[name] for name in names], loc="outside upper center", ncols=len(names),
            fontsize=POINTS, frameon=False,
        )  # fmt: skip
    return figure


def _draw(axes: Axes, found: Points, names: list[str], reach: float) -> None:
    axes.axline((0, 0), slope=1, color="#888888", linewidth=0.8, linestyle="dashed")
    axes.axhline(0, color=GRID, linewidth=0.6)
    for name, points in found.items():
        index = names.index(name)
        x, y = np.array(points).T
        axes.scatter(
            x, y, s=8, alpha=0.7, linewidths=0, color=SERIES[index % len(SERIES)],
            marker=_MARKERS[index % len(_MARKERS)], label=name,
        )  # fmt: skip
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    tidy(axes)
