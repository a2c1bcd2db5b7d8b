"""An evaluation: how a metric is distributed over the cases of each class."""

import numpy as np
from matplotlib.figure import Figure

from alcseg.errors import UsageError
from alcseg.evaluation import Evaluation
from alcseg.reporting.drawing import INK, SERIES, tidy
from alcseg.views.card import card, plain, shown, table
from alcseg.words import did_you_mean

__all__ = ["figure", "html"]


def figure(evaluation: Evaluation, metric: str) -> Figure:
    """A point per case beside a box from the lower to the upper quartile, by class.

    Raises:
        UsageError: If the metric was not evaluated.
    """
    units = evaluation.units
    if metric not in units:
        known = ", ".join(units)
        raise UsageError(f"plot: expected one of {known}, got '{metric}'.{did_you_mean(metric, units)}")
    classes = list(evaluation.summary.classes)
    values = {name: _values(evaluation, metric, name) for name in classes}
    drawn = Figure(figsize=(5.5, 0.55 * len(classes) + 1.1), layout="constrained")
    axes = drawn.subplots()
    for row, found in enumerate(values.values()):
        color = SERIES[row % len(SERIES)]
        if len(found):
            axes.boxplot(
                found, positions=[row], orientation="horizontal", widths=0.5, showfliers=False,
                medianprops={"color": color}, boxprops={"color": color}, whiskerprops={"color": color},
                capprops={"color": color},
            )  # fmt: skip
        spread = 0.18 * np.sin(np.arange(len(found)) * 2.4)  # apart, and the same in every drawing
        axes.scatter(found, row + spread, s=14, color=color, alpha=0.6, linewidths=0, zorder=3)
    names = [f"{plain(name)} ({len(found)})" for name, found in values.items()]
    axes.set_yticks(range(len(classes)), names, fontsize=8)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_xlabel(f"{plain(metric)} ({plain(units[metric])}), a point per case", fontsize=8, color=INK)
    tidy(axes)
    return shown(drawn)


def html(evaluation: Evaluation) -> str:
    """Means with their intervals, and the picture of the first metric."""
    summary = evaluation.summary
    metric = "dice" if "dice" in summary.units else next(iter(summary.units), "")
    return card(
        f"Evaluation of {summary.n_cases} cases in {evaluation.path}",
        lambda: table(
            {
                "metric": name,
                "unit": unit,
                "mean": summary.foreground_mean[name].mean,
                "median": summary.foreground_mean[name].median,
                "95 % from": summary.foreground_mean[name].interval_95[0],
                "to": summary.foreground_mean[name].interval_95[1],
                "cases": summary.foreground_mean[name].n,
            }
            for name, unit in summary.units.items()
        ),
        picture=lambda: figure(evaluation, metric),
    )


def _values(evaluation: Evaluation, metric: str, class_name: str) -> list[float]:
    cases = evaluation.values[metric].values()
    return [classes[class_name] for classes in cases if class_name in classes]
