"""Fig. 6 of the paper: Dice against the weights alpha and beta of the refined and the noisy labels."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alcseg.reporting.curves import End, draw_curve, name_curves
from alcseg.reporting.drawing import COLUMN_INCH, INK, PAGE_INCH, POINTS, tidy
from alcseg.reporting.records import Benchmark
from alcseg.reporting.sweeps import Point, sweep

__all__ = ["one_at_a_time", "weights_figure"]

KEYS = ("method.alpha", "method.beta")
_NAMES = ("α", "β")
_FEWEST = 3


def weights_figure(benchmark: Benchmark) -> Figure | None:
    """Heat maps where every dataset has a full grid, else one line per weight.

    None below three rows, and where no weight changes alone.
    """
    found = {dataset.title: sweep(benchmark, dataset, KEYS) for dataset in benchmark.datasets}
    found = {title: points for title, points in found.items() if len(points) >= _FEWEST}
    if not found:
        return None
    return _heat_maps(found) if all(map(_is_grid, found.values())) else _lines(found)


def one_at_a_time(points: Sequence[Point], axis: int) -> list[Point]:
    """The points that vary along one axis, the other weight at the value that most points have."""
    other = 1 - axis
    common, _ = Counter(point.at[other] for point in points).most_common(1)[0]
    return [point for point in points if point.at[other] == common]


def _is_grid(points: Sequence[Point]) -> bool:
    alphas, betas = ({point.at[axis] for point in points} for axis in (0, 1))
    return min(len(alphas), len(betas)) > 1 and len(points) == len(alphas) * len(betas)


def _lines(found: Mapping[str, Sequence[Point]]) -> Figure | None:
    drawn = [
        axis for axis in (0, 1) if any(len(one_at_a_time(points, axis)) > 1 for points in found.values())
    ]
    if not drawn:
        return None
    width = PAGE_INCH if len(drawn) > 1 else COLUMN_INCH
    figure = Figure(figsize=(width, 2.4), layout="constrained")
    grid = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    ends: list[dict[str, End]] = []
    for axes, axis in zip(grid, drawn, strict=True):
        ends.append(_draw_lines(axes, found, axis))
    grid[0].set_ylabel("Dice (%)", fontsize=POINTS)
    figure.draw_without_rendering()
    for axes, names in zip(grid, ends, strict=True):
        name_curves(axes, names)
    return figure


def _draw_lines(axes: Axes, found: Mapping[str, Sequence[Point]], axis: int) -> dict[str, End]:
    ends = {}
    ticks: set[float] = set()
    fixed: set[float] = set()
    for index, (title, all_points) in enumerate(found.items()):
        points = one_at_a_time(all_points, axis)
        x = [point.at[axis] for point in points]
        ends[title] = draw_curve(axes, x, points, index, title)
        ticks |= set(x)
        fixed |= {point.at[1 - axis] for point in points}
    axes.set_xticks(sorted(ticks), [f"{value:g}" for value in sorted(ticks)])
    others = ", ".join(f"{value:g}" for value in sorted(fixed))
    axes.set_xlabel(f"{_NAMES[axis]}  ({_NAMES[1 - axis]} = {others})", fontsize=POINTS)
    tidy(axes)
    return ends


def _heat_maps(found: Mapping[str, Sequence[Point]]) -> Figure:
    width = PAGE_INCH if len(found) > 1 else COLUMN_INCH
    figure = Figure(figsize=(width, 2.4), layout="constrained")
    grid = figure.subplots(1, len(found), squeeze=False)[0]
    means = [point.mean for points in found.values() for point in points]
    low, high = min(means), max(means)
    for axes, (title, points) in zip(grid, found.items(), strict=True):
        alphas, betas = (sorted({point.at[axis] for point in points}) for axis in (0, 1))
        table = np.full((len(betas), len(alphas)), np.nan)
        for point in points:
            column, row = alphas.index(point.at[0]), betas.index(point.at[1])
            table[row, column] = point.mean
            dark = point.mean < (low + high) / 2
            axes.text(
                column, row, f"{point.mean:.1f}", ha="center", va="center", fontsize=POINTS,
                color="white" if dark else INK,
            )  # fmt: skip
        picture = axes.imshow(table, cmap="cividis", vmin=low, vmax=high, origin="lower", aspect="auto")
        axes.set_xticks(range(len(alphas)), [f"{value:g}" for value in alphas], fontsize=POINTS)
        axes.set_yticks(range(len(betas)), [f"{value:g}" for value in betas], fontsize=POINTS)
        axes.tick_params(length=0)
        axes.set_xlabel(_NAMES[0], fontsize=POINTS)
        axes.set_title(title, fontsize=POINTS, color=INK)
        for spine in axes.spines.values():
            spine.set_visible(False)
    grid[0].set_ylabel(_NAMES[1], fontsize=POINTS)
    bar = figure.colorbar(picture, ax=list(grid), pad=0.02, aspect=25)
    bar.set_label("Dice (%)", fontsize=POINTS)
    bar.ax.tick_params(labelsize=POINTS - 0.5)
    bar.outline.set_visible(False)
    return figure
