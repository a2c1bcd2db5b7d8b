"""Fig. 5 of the paper: Dice against the number of LQ patches that learn from refined labels."""

from matplotlib.figure import Figure

from alcseg.reporting.curves import draw_curve, name_curves
from alcseg.reporting.drawing import COLUMN_INCH, POINTS, tidy
from alcseg.reporting.records import Benchmark
from alcseg.reporting.sweeps import Point, sweep

__all__ = ["selection_figure"]

KEY = "method.select_fraction"
_FEWEST = 3  # two values are an ablation, not a curve


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
        shift = 0.12 * (index - (len(found) - 1) / 2)  # so that bars do not hide one another
        k = [selected(point) for point in points]
        ends[title] = draw_curve(axes, [value + shift for value in k], points, index, title)
        all_k |= set(k)
    axes.set_xticks(sorted(all_k))
    stated = (point.settings.get("data.lq_batch") for points in found.values() for point in points)
    batches = {batch for batch in stated if batch is not None}
    of = (
        f" of {' or '.join(map(str, sorted(batches)))} LQ patches" if batches else ", share of the LQ patches"
    )
    axes.set_xlabel(f"K{of}", fontsize=POINTS)
    axes.set_ylabel("Dice (%)", fontsize=POINTS)
    tidy(axes)
    figure.draw_without_rendering()
    name_curves(axes, ends)
    return figure


def selected(point: Point) -> float:
    """K of a row; the share itself where its batch is not known."""
    batch = point.settings.get("data.lq_batch")
    return max(1, round(point.at[0] * batch)) if isinstance(batch, int) else point.at[0]
