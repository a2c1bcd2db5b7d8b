"""Fig. 5 of the paper: Dice against the number of LQ patches that learn from refined labels."""

import numpy as np
from matplotlib.figure import Figure

from alcseg.report.drawing import COLUMN_INCH, POINTS, SERIES, label_ends, tidy
from alcseg.report.records import Benchmark
from alcseg.report.sweeps import Point, sweep

__all__ = ["selection_figure"]

KEY = "method.select_fraction"
_FEWEST = 3  # two values are an ablation, not a curve
_MARKERS = "os^Dv"


def selection_figure(benchmark: Benchmark) -> Figure | None:
    """A line per dataset over K, with 95 % intervals; None where fewer than three values of K were run."""
    found = {dataset.title: sweep(benchmark, dataset, [KEY]) for dataset in benchmark.datasets}
    found = {title: points for title, points in found.items() if len(points) >= _FEWEST}
    if not found:
        return None
    figure = Figure(figsize=(COLUMN_INCH, 2.4), layout="constrained")
    axes = figure.subplots()
    ends = {}
    all_k = set()
    for index, (title, points) in enumerate(found.items()):
        color = SERIES[index % len(SERIES)]
        shift = 0.12 * (index - (len(found) - 1) / 2)  # so that bars do not hide one another
        k = [selected(point) for point in points]
        means = np.array([point.mean for point in points])
        low, high = np.array([point.interval for point in points]).T
        axes.errorbar(
            [value + shift for value in k],
            means,
            yerr=[means - low, high - means],
            color=color,
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=4,
            linewidth=1.4,
            elinewidth=0.8,
            capsize=2,
            label=title,
        )
        ends[title] = (k[-1] + shift, float(means[-1]), color)
        all_k |= set(k)
    axes.set_xticks(sorted(all_k))
    batch = next(iter(found.values()))[0].settings.get("data.lq_batch")
    of = f" of {batch} LQ patches" if batch else ", share of the LQ patches"
    axes.set_xlabel(f"K{of}", fontsize=POINTS)
    axes.set_ylabel("Dice (%)", fontsize=POINTS)
    tidy(axes)
    figure.draw_without_rendering()
    if len(found) == 1:
        axes.set_title(next(iter(found)), fontsize=POINTS)
    else:
        label_ends(axes, ends)
    return figure


def selected(point: Point) -> float:
    """K of a row; the share itself where its batch is not known."""
    batch = point.settings.get("data.lq_batch")
    return max(1, round(point.at[0] * batch)) if isinstance(batch, int) else point.at[0]
