"""Colors, slices and outlines that all figures share."""

from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes

__all__ = [
    "CONTOUR_STYLES",
    "GRID",
    "INK",
    "SERIES",
    "LineStyle",
    "contour_style",
    "cut",
    "largest_slice",
    "outline",
    "tidy",
]

# Okabe and Ito, 2008; one fixed meaning each throughout a report.
LineStyle: TypeAlias = Literal["solid", "dashed", "dotted"]

CONTOUR_STYLES: dict[str, tuple[str, LineStyle]] = {
    "clean": ("#F0E442", "solid"),
    "given": ("#D55E00", "dashed"),
    "refined": ("#56B4E9", "solid"),
    "predicted": ("#56B4E9", "solid"),
}
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
INK = "#222222"
GRID = "#dddddd"


def largest_slice(foreground: Any, along: int) -> int:
    """Index of the slice with most foreground; the middle one if there is none."""
    if not foreground.any():
        return int(foreground.shape[along] // 2)
    others = tuple(axis for axis in range(3) if axis != along)
    return int(foreground.sum(axis=others).argmax())


def cut(volume: Any, along: int, index: int) -> Any:
    """A slice as rows (vertical axis) by columns (horizontal axis), in radiological view."""
    return np.take(volume, index, axis=along).T[
        :, ::-1
    ]  # right, or anterior in a sagittal slice, to the reader's left


def contour_style(name: str, index: int) -> tuple[str, LineStyle]:
    """Color and line of a contour: fixed for known names, else by its place."""
    dashes: tuple[LineStyle, ...] = ("solid", "dashed", "dotted")
    return CONTOUR_STYLES.get(name, (SERIES[index % len(SERIES)], dashes[index % len(dashes)]))


def outline(
    axes: Axes, label: Any, extent: tuple[float, float, float, float], style: tuple[str, str]
) -> None:
    """Draw the boundary of each label value; `extent` is left, right, bottom, top in mm."""
    rows, columns = label.shape
    x = (np.arange(columns) + 0.5) * extent[1] / columns
    y = (np.arange(rows) + 0.5) * extent[3] / rows
    for value in np.unique(label):
        if value > 0:
            axes.contour(
                x, y, label == value, levels=[0.5], colors=style[0], linestyles=style[1], linewidths=1.3
            )


def tidy(axes: Axes) -> None:
    """Light grid, no frame above and to the right."""
    """A quiet grid and no frame at the top and right."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7, colors=INK, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#888888")
