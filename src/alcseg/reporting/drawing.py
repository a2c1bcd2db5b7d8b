"""Sizes, colors, slices, outlines and direct labels that all figures share."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

__all__ = [
    "COLUMN_INCH",
    "CONTOUR_STYLES",
    "GRID",
    "INK",
    "PAGE_INCH",
    "POINTS",
    "SERIES",
    "Extent",
    "LineStyle",
    "contour_legend",
    "contour_style",
    "cut",
    "focus",
    "label_ends",
    "largest_slice",
    "outline",
    "show_slice",
    "tidy",
]

COLUMN_INCH, PAGE_INCH = 8.5 / 2.54, 17 / 2.54
"""Widths of a column and of a page in print."""

POINTS = 7.5
"""Font size at those widths."""

Extent: TypeAlias = tuple[float, float, float, float]
"""Left, right, bottom and top of a slice in mm."""

# Okabe and Ito, 2008; one fixed meaning each throughout a report.
LineStyle: TypeAlias = Literal["solid", "dashed", "dotted"]

CONTOUR_STYLES: dict[str, tuple[str, LineStyle]] = {
    "clean": ("#F0E442", "solid"),
    "given": ("#D55E00", "dashed"),
    "refined": ("#56B4E9", "solid"),
    "predicted": ("#56B4E9", "solid"),
    "trusted": ("#F0E442", "solid"),
    "written": ("#56B4E9", "solid"),
}
SERIES = (  # Okabe and Ito's, then of Tol's muted ones: told apart by all eyes
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
    "#882255", "#999933", "#332288",
)  # fmt: skip
INK = "#222222"
_MARGIN_MM = 10.0  # around what `focus` shows
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


def outline(axes: Axes, label: Any, extent: Extent, style: tuple[str, str], *, width: float = 1.3) -> None:
    """Draw the boundary of each label value."""
    rows, columns = label.shape
    x = (np.arange(columns) + 0.5) * extent[1] / columns
    y = (np.arange(rows) + 0.5) * extent[3] / rows
    for value in np.unique(label):
        if value > 0:
            axes.contour(
                x, y, label == value, levels=[0.5], colors=style[0], linestyles=style[1], linewidths=width
            )


def show_slice(axes: Axes, image: Any, along: int, index: int, spacing: tuple[float, ...]) -> Extent:
    """Show a slice of a volume in gray, its true proportions kept, without ticks and frame."""
    low, high = np.percentile(image, (0.5, 99.5))
    gray = cut(image, along, index)
    x, y = (axis for axis in range(3) if axis != along)
    extent = (0.0, gray.shape[1] * spacing[x], 0.0, gray.shape[0] * spacing[y])
    axes.imshow(
        gray, cmap="gray", vmin=low, vmax=high, origin="lower", extent=extent, interpolation="bicubic"
    )
    axes.set(xticks=[], yticks=[], facecolor="black")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return extent


def focus(axes: Axes, mask: Any, extent: Extent) -> None:
    """Show the square about a mask, moved into the slice as far as it fits; all of it for an empty mask."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return
    x, y = extent[1] / mask.shape[1], extent[3] / mask.shape[0]
    left, right = columns.min() * x, (columns.max() + 1) * x
    bottom, top = rows.min() * y, (rows.max() + 1) * y
    side = min(max(right - left, top - bottom) + 2 * _MARGIN_MM, max(extent[1], extent[3]))
    x0 = _shifted((left + right - side) / 2, side, extent[1])
    y0 = _shifted((bottom + top - side) / 2, side, extent[3])
    axes.set(xlim=(x0, x0 + side), ylim=(y0, y0 + side))


def _shifted(start: float, length: float, end: float) -> float:
    """Where an interval has to start to lie in 0 to `end`; in its middle where it is too long."""
    return (end - length) / 2 if length > end else min(max(start, 0.0), end - length)


def contour_legend(figure: Figure, styles: Mapping[str, tuple[str, LineStyle]]) -> None:
    """Say under the figure what its contours are, on gray, so that light ones are seen."""
    handles = [
        Line2D([], [], color=color, linestyle=line, linewidth=1.8, label=name)
        for name, (color, line) in styles.items()
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=max(len(handles), 1), fontsize=POINTS,
        framealpha=1.0, facecolor="#555555", labelcolor="white", edgecolor="none",
    )  # fmt: skip


def label_ends(axes: Axes, lines: Mapping[str, tuple[float, float, str]]) -> None:
    """Write names at the right ends of lines, moved apart where they would overlap.

    Args:
        axes: With its limits set and its place in the figure found.
        lines: Name to x, y and color of the end.
    """
    low, high = axes.get_ylim()
    height = axes.bbox.height / axes.figure.dpi * 72
    gap = 1.2 * POINTS / height * (high - low)
    ordered = sorted(lines, key=lambda name: lines[name][1])
    place = -np.inf
    places = {}
    for name in ordered:
        place = max(lines[name][1], place + gap)
        places[name] = place
    ceiling = high
    for name in reversed(ordered):  # those that were moved beyond the axes come back, and move others down
        places[name] = min(places[name], ceiling)
        ceiling = places[name] - gap
        x, _, color = lines[name]
        axes.annotate(
            name, (x, places[name]), xytext=(6, 0), textcoords="offset points",
            color=color, fontsize=POINTS, va="center", annotation_clip=False,
        )  # fmt: skip


def tidy(axes: Axes) -> None:
    """A quiet grid and no frame at the top and right."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=7, colors=INK, length=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#888888")
