"""Fig. 3 of the paper: labels of the selected patches against clean ones in the course of a training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alcseg.reporting.drawing import COLUMN_INCH, INK, PAGE_INCH, POINTS, SERIES, label_ends, tidy
from alcseg.reporting.entries import RunEntry
from alcseg.reporting.intervals import nested_interval
from alcseg.reporting.records import Benchmark

__all__ = ["Course", "courses", "pseudo_label_figure"]

_LINES = {"refined": (SERIES[0], "o"), "generated": (SERIES[1], "s"), "given": ("#777777", "^")}


@dataclass(frozen=True)
class Course:
    """Mean Dice in percent of one kind of label over the steps.

    Attributes:
        steps: Rising.
        means: Over the cases, then over the seeds.
        low: Lower end of the 95 % interval over seeds and cases.
        high: Upper end.
    """

    steps: tuple[int, ...]
    means: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def courses(runs: Sequence[RunEntry]) -> dict[str, Course]:
    """Quality of the selected patches by kind of label, over the runs of one row; empty without records."""
    found: dict[str, dict[int, dict[int, dict[str, list[float]]]]] = {kind: {} for kind in _LINES}
    for run in runs:
        for label in run.pseudo_labels:
            for kind in _LINES if label.selected else ():
                value = 100 * float(getattr(label, kind))
                if not np.isnan(value):
                    by_seed = found[kind].setdefault(label.step, {})
                    by_seed.setdefault(run.record.seed, {}).setdefault(label.case_id, []).append(value)
    result = {}
    for kind, by_step in found.items():
        points = []
        for step, by_seed in sorted(by_step.items()):
            groups = [np.array([np.mean(values) for values in cases.values()]) for cases in by_seed.values()]
            mean = float(np.mean([group.mean() for group in groups]))
            points.append((step, mean, *nested_interval(groups)))
        if points:
            result[kind] = Course(*zip(*points, strict=True))
    return result


def pseudo_label_figure(benchmark: Benchmark) -> Figure | None:
    """One panel per dataset and row whose pseudo-labels were recorded; None where none were."""
    panels = [
        (dataset.title, row, found)
        for dataset in benchmark.datasets
        for row in benchmark.rows
        if (found := courses(benchmark.done(dataset.name, row.row)))
    ]
    if not panels:
        return None
    several_rows = len({row.row for _, row, _ in panels}) > 1
    columns = min(len(panels), 2)
    lines = -(-len(panels) // columns)
    width = COLUMN_INCH if columns == 1 else PAGE_INCH
    figure = Figure(figsize=(width, 2.3 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for axes, (dataset, row, found) in zip(grid, panels, strict=False):
        _draw(axes, found)
        title = f"{dataset}, {row.title}" if several_rows else dataset
        axes.set_title(title, fontsize=POINTS + 0.5, color=INK)
    low = min(min(course.low) for _, _, found in panels for course in found.values())
    high = max(max(course.high) for _, _, found in panels for course in found.values())
    grid[0].set_ylim(low - 0.08 * (high - low) - 0.1, high + 0.08 * (high - low) + 0.1)
    figure.draw_without_rendering()
    for axes, (_, _, found) in zip(grid, panels, strict=False):
        ends = {kind: (course.steps[-1], course.means[-1], _LINES[kind][0]) for kind, course in found.items()}
        label_ends(axes, ends)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[::columns]:
        axes.set_ylabel("Dice of selected patches (%)", fontsize=POINTS)
    return figure


def _draw(axes: Axes, found: dict[str, Course]) -> None:
    for kind, course in found.items():
        color, marker = _LINES[kind]
        axes.fill_between(course.steps, course.low, course.high, color=color, alpha=0.15, linewidth=0)
        axes.plot(
            course.steps,
            course.means,
            color=color,
            marker=marker,
            markersize=3,
            linewidth=1.4 if kind == "refined" else 1.0,
            linestyle="dotted" if kind == "given" else "solid",
            label=kind,
        )
    first, last = axes.get_xlim()
    axes.set_xlim(first, last + 0.22 * (last - first))  # room for the names
    axes.set_xticks(next(iter(found.values())).steps)
    axes.set_xlabel("step", fontsize=POINTS)
    tidy(axes)
