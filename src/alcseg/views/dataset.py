"""A dataset: slices through some of its cases, and how many there are of each kind."""

import math
from collections import Counter

import numpy as np
from matplotlib.figure import Figure

from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.reporting.cases import upright_case
from alcseg.reporting.drawing import CONTOUR_STYLES, INK, POINTS, cut, largest_slice, outline, show_slice
from alcseg.views.card import card, plain, shown, table

__all__ = ["figure", "html"]

_AXIAL = 2
_COLUMNS = 6


def figure(dataset: Dataset, count: int) -> Figure:
    """Axial slices of so many cases, evenly chosen, where most is labeled; else in the middle.

    Raises:
        DataError: If there is no case to draw, or a file cannot be read.
    """
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int))
    if not len(chosen):
        raise DataError(f"{dataset.root}: expected at least one case to draw, got none.")
    rows, columns = math.ceil(len(chosen) / _COLUMNS), min(len(chosen), _COLUMNS)
    drawn = Figure(figsize=(1.6 * columns, 1.9 * rows), layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[len(chosen) :]:
        axes.set_axis_off()
    for axes, number in zip(grid, chosen, strict=False):
        case = dataset[dataset.rows[number].case_id]
        labels = {} if case.label is None else {"label": case.label}
        upright = upright_case(case.image, case.affine, labels)
        label = upright.labels.get("label", np.zeros(upright.image.shape, np.uint8))
        index = largest_slice(label > 0, _AXIAL)
        extent = show_slice(axes, upright.image, _AXIAL, index, upright.spacing)
        style = CONTOUR_STYLES["trusted" if case.quality == "hq" else "given"]
        outline(axes, cut(label, _AXIAL, index), extent, style)
        title = f"{plain(case.case_id)}\n{case.split}, {case.quality}"
        axes.set_title(title, fontsize=POINTS, color=INK)
    return shown(drawn)


def html(dataset: Dataset) -> str:
    """Counts of cases, and the picture."""
    counts = Counter((row.split, row.quality) for row in dataset.rows)
    classes = ", ".join(f"{value} {name}" for name, value in dataset.labels.items())
    return card(
        f"Dataset {dataset.name}: {len(dataset)} cases in {dataset.root}",
        lambda: table([{"channels": ", ".join(dataset.channel_names.values()), "classes": classes}]),
        lambda: table(
            {"split": split, "quality": quality, "cases": count}
            for (split, quality), count in sorted(counts.items())
        ),
        picture=lambda: figure(dataset, _COLUMNS),
    )
