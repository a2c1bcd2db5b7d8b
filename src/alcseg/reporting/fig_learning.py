"""Validation Dice of students and teachers over the steps, against the quality of the labels they had."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from alcseg.listing import has_file
from alcseg.records.steps import StepTable
from alcseg.reporting.drawing import INK, PAGE_INCH, POINTS, SERIES, LineStyle, label_ends, tidy
from alcseg.reporting.entries import DatasetEntry
from alcseg.reporting.records import Benchmark

__all__ = ["Curve", "learning_curves", "learning_figure"]

_HEIGHT = 3.0  # inches, of a panel
_FEWEST = 3
"""Points that make a curve."""


@dataclass(frozen=True)
class Curve:
    """Mean Dice over the seeds that came so far, in percent.

    Attributes:
        steps: Rising.
        student: Of the network that predicts.
        teacher: Of its average; empty without one.
        seeds: How many runs began; at the end there may be fewer.
    """

    steps: tuple[int, ...]
    student: tuple[float, ...]
    teacher: tuple[float, ...]
    seeds: int


def learning_curves(benchmark: Benchmark, dataset: DatasetEntry) -> dict[str, Curve]:
    """Of each row that was validated, by name; a run that did not end counts as far as it came."""
    found: dict[str, list[StepTable]] = {}
    for run in benchmark.plan.runs:
        path = benchmark.path / "runs" / run.id / StepTable.NAME
        if run.dataset == dataset.name and has_file(path):
            found.setdefault(run.row.row, []).append(StepTable.read_file(path))
    curves = {row: _curve(tables) for row, tables in found.items()}
    return {row: curve for row, curve in curves.items() if len(curve.steps) >= _FEWEST}


def learning_figure(benchmark: Benchmark) -> Figure | None:
    """One panel per dataset; None where nothing was validated three times."""
    panels = [
        (dataset, curves) for dataset in benchmark.datasets if (curves := learning_curves(benchmark, dataset))
    ]
    if not panels:
        return None
    figure = Figure(figsize=(PAGE_INCH, _HEIGHT * len(panels)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False).ravel()
    names = {row.row: row.title for row in benchmark.rows}
    colors = {row: SERIES[index % len(SERIES)] for index, row in enumerate(names)}
    for axes, (dataset, curves) in zip(grid, panels, strict=True):
        for row, curve in curves.items():
            axes.plot(curve.steps, curve.student, color=colors[row], linewidth=1.4)
            if curve.teacher:
                axes.plot(curve.steps, curve.teacher, color=colors[row], linewidth=1.0, linestyle="dashed")
        _given(axes, dataset)
        first, last = axes.get_xlim()
        axes.set_xlim(first, last + 0.25 * (last - first))  # room for the names
        axes.set_title(dataset.title, fontsize=POINTS + 0.5, color=INK)
        axes.set_ylabel("validation Dice (%)", fontsize=POINTS)
        axes.set_xlabel("step", fontsize=POINTS)
        tidy(axes)
    figure.draw_without_rendering()
    for axes, (_, curves) in zip(grid, panels, strict=True):
        ends = {
            names[row]: (curve.steps[-1], curve.student[-1], colors[row]) for row, curve in curves.items()
        }
        label_ends(axes, ends)
    styles: dict[str, LineStyle] = {"student": "solid", "teacher": "dashed", "LQ labels as given": "dotted"}
    lines = [Line2D([], [], color="#555555", linestyle=style, label=name) for name, style in styles.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=3, fontsize=POINTS, frameon=False)
    return figure


def _given(axes: Axes, dataset: DatasetEntry) -> None:
    """How good the LQ labels are that all learn from."""
    if dataset.given is not None:
        quality = 100 * float(np.mean(list(dataset.given.by_case("dice").values())))
        axes.axhline(quality, color="#555555", linestyle="dotted", linewidth=1.0)


def _curve(tables: Sequence[StepTable]) -> Curve:
    """Means over the runs that were validated at a step."""
    by_step: dict[int, list[tuple[float, float]]] = {}
    for table in tables:
        for step in table.steps:
            if not np.isnan(step.val_dice):
                by_step.setdefault(step.step, []).append((100 * step.val_dice, 100 * step.val_dice_teacher))
    steps = tuple(sorted(by_step))
    student, teacher = (
        tuple(float(np.mean([pair[which] for pair in by_step[step]])) for step in steps) for which in (0, 1)
    )
    return Curve(steps, student, () if np.isnan(teacher).any() else teacher, len(tables))
