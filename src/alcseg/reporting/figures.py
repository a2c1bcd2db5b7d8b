"""Figures from arrays and records: cases in three planes, training curves, before-and-after plots.

Everything goes through matplotlib's object interface, so no global state is touched and no display is needed.
Colors are from Okabe and Ito's set, which stays apart for color-blind readers; line styles differ too, for
print in gray.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from alcseg.errors import DataError, ShapeError
from alcseg.records.steps import StepTable
from alcseg.reporting.drawing import (
    CONTOUR_STYLES,
    INK,
    SERIES,
    contour_legend,
    contour_style,
    cut,
    largest_slice,
    outline,
    show_slice,
    tidy,
)
from alcseg.types import FloatArray, LabelMap, Spacing

__all__ = ["case_panels", "paired_plot", "png_bytes", "png_data_uri", "svg_bytes", "training_curves"]

# Plane: name, the axis looked along, (horizontal, vertical) axes, letters at left, right, bottom and top.
# Radiological convention: the patient's right is on the reader's left; in a sagittal slice anterior is.
_PLANES = (
    ("Axial", 2, (0, 1), "RLPA"),
    ("Coronal", 1, (0, 2), "RLIS"),
    ("Sagittal", 0, (1, 2), "APIS"),
)


def case_panels(
    image: FloatArray,
    spacing: Spacing,
    *,
    contours: Mapping[str, LabelMap],
    uncertainty: FloatArray | None = None,
    title: str = "",
) -> Figure:
    """One case in three planes: the image, label contours over it, the uncertainty over it.

    Args:
        image: Intensities in RAS voxel order, `(X, Y, Z)`.
        spacing: Voxel size in mm, one value per axis.
        contours: Name (`clean`, `given`, `refined`, ...) to label map on the same grid; every label value is
            outlined.
        uncertainty: Scalar map on the same grid; without it the last column is left out.
        title: Heading of the figure.

    Returns:
        Three rows (axial, coronal, sagittal), cut where the outlined foreground is largest.

    Raises:
        ShapeError: If an array's shape is not the image's.
    """
    given: dict[str, Any] = dict(contours)
    if uncertainty is not None:
        given["uncertainty"] = uncertainty
    for name, array in given.items():
        if array.shape != image.shape:
            raise ShapeError(
                f"case panel: {name} of shape {array.shape}, image of shape {image.shape}; "
                "bring both to one grid before drawing."
            )
    foreground = np.zeros(image.shape, dtype=bool)
    for label in contours.values():
        foreground |= label > 0
    columns = 2 if uncertainty is None else 3
    extents = np.asarray(image.shape) * np.asarray(spacing)
    heights = [float(extents[axes[1]] / extents[axes[0]]) for _, _, axes, _ in _PLANES]
    figure = Figure(figsize=(2.5 * columns + 0.7, 2.5 * sum(heights) + 1.1), layout="constrained")
    grid = figure.subplots(3, columns, gridspec_kw={"height_ratios": heights}, squeeze=False)
    top = max(float(np.percentile(uncertainty, 99.9)), 1e-12) if uncertainty is not None else 1.0
    styles = {key: contour_style(key, index) for index, key in enumerate(contours)}
    for row, (name, along, _, letters) in enumerate(_PLANES):
        index = largest_slice(foreground, along)
        for panel in grid[row]:
            extent = show_slice(panel, image, along, index, spacing)
        _orientation_letters(grid[row, 0], letters)
        grid[row, 0].set_ylabel(f"{name}  ·  slice {index + 1}", fontsize=8, color=INK)
        for key, label in contours.items():
            outline(grid[row, 1], cut(label, along, index), extent, styles[key])
        if uncertainty is not None:
            values = cut(uncertainty, along, index)
            strength = np.clip(values / top, 0.0, 1.0)
            grid[row, 2].imshow(
                values, cmap="inferno", vmin=0.0, vmax=top, origin="lower", extent=extent,
                alpha=np.sqrt(strength) * 0.9, interpolation="nearest",
            )  # fmt: skip
    for panel, text in zip(grid[0], ("Image", "Labels", "Uncertainty"), strict=False):
        panel.set_title(text, fontsize=9, color=INK)
    if uncertainty is not None:
        overlay = ScalarMappable(Normalize(0.0, top), "inferno")  # the slices are see-through, the bar is not
        bar = figure.colorbar(overlay, ax=list(grid[:, 2]), shrink=0.6, pad=0.02, aspect=30)
        bar.ax.tick_params(labelsize=7)
        bar.outline.set_visible(False)
    contour_legend(figure, styles)
    if title:
        figure.suptitle(title, fontsize=10, color=INK)
    return figure


def training_curves(runs: Mapping[str, StepTable]) -> Figure:
    """Loss terms and validation Dice over the steps, one column per run.

    Args:
        runs: Display name to metrics; what was not measured is not drawn.

    Raises:
        DataError: If there is no run, or one without a step.
    """
    if not runs:
        raise DataError("training curves: expected at least one run, got none.")
    figure = Figure(figsize=(max(3.1 * len(runs), 4.2), 4.8), layout="constrained")
    grid = figure.subplots(2, len(runs), sharex="col", sharey="row", squeeze=False)
    for column, (name, table) in enumerate(runs.items()):
        if not table.steps:
            raise DataError(f"training curves: run '{name}' has no metrics. Was it trained at all?")
        upper, lower = grid[0, column], grid[1, column]
        losses = {"total": [step.loss for step in table.steps]} | {
            term: [step.terms.get(term, np.nan) for step in table.steps] for term in table.terms
        }
        for index, (label, values) in enumerate(losses.items()):
            x, y = _measured(table, values)
            if len(x) and np.any(y > 0):
                color = INK if index == 0 else SERIES[(index - 1) % len(SERIES)]
                upper.plot(x, _smooth(y), color=color, linewidth=1.1 if index else 1.8, label=label)
        dice = {
            "student": [step.val_dice for step in table.steps],
            "teacher": [step.val_dice_teacher for step in table.steps],
        }
        for (label, values), color in zip(dice.items(), SERIES, strict=False):
            x, y = _measured(table, values)
            if len(x):
                lower.plot(x, y, color=color, marker="o", markersize=3, linewidth=1.4, label=label)
        upper.set_yscale("log")
        upper.set_title(name, fontsize=10, color=INK)
        lower.set_ylim(0, 1)
        lower.set_xlabel("step", fontsize=8)
        for axes in (upper, lower):
            tidy(axes)
            if axes.has_data():
                axes.legend(fontsize=7, frameon=False, loc="best")
    grid[0, 0].set_ylabel("loss (smoothed, log scale)", fontsize=8)
    grid[1, 0].set_ylabel("validation Dice", fontsize=8)
    return figure


def paired_plot(before: Mapping[str, float], after: Mapping[str, float]) -> Figure:
    """One line per case from its Dice before to its Dice after, sorted by the former.

    Args:
        before: Case to value, 0 to 1.
        after: The same for the same cases; a case in only one of the two is left out.
    """
    cases = sorted(before.keys() & after.keys(), key=lambda case: before[case])
    figure = Figure(figsize=(6.2, 0.24 * len(cases) + 1.2), layout="constrained")
    axes = figure.subplots()
    for row, case in enumerate(cases):
        better = after[case] >= before[case]
        axes.plot(
            [before[case], after[case]],
            [row, row],
            color="#999999" if better else SERIES[1],
            linewidth=1.6,
            zorder=1,
        )
    rows = range(len(cases))
    axes.scatter(
        [before[c] for c in cases],
        rows,
        s=34,
        marker="s",
        color=CONTOUR_STYLES["given"][0],
        label="given",
        zorder=2,
    )
    axes.scatter(
        [after[c] for c in cases], rows, s=36, marker="o", color=SERIES[0], label="refined", zorder=3
    )
    axes.set_yticks(list(rows), cases, fontsize=7)
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.8, len(cases) - 0.2)
    axes.set_xlabel("Dice against the clean label", fontsize=8)
    tidy(axes)
    figure.legend(loc="outside upper right", ncols=2, fontsize=8, frameon=False)
    return figure


def png_bytes(figure: Figure, *, dpi: int = 110) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def svg_bytes(figure: Figure) -> bytes:
    """The figure as an SVG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "alcseg"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def png_data_uri(png: bytes) -> str:
    """A PNG file as the `src` of an HTML image."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _orientation_letters(axes: Axes, letters: str) -> None:
    places = ((0.03, 0.5), (0.97, 0.5), (0.5, 0.04), (0.5, 0.96))
    for letter, (x, y) in zip(letters, places, strict=True):
        axes.text(
            x, y, letter, transform=axes.transAxes, color="white", fontsize=7, fontweight="bold", ha="center",
            va="center", bbox={"facecolor": "black", "alpha": 0.45, "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip


def _measured(table: StepTable, values: Sequence[float]) -> tuple[FloatArray, FloatArray]:
    """The steps at which a quantity was measured, and its values there."""
    array = np.array(values, dtype=float)
    known = np.isfinite(array)
    return np.array([step.step for step in table.steps], dtype=float)[known], array[known]


def _smooth(values: FloatArray) -> FloatArray:
    """Running mean over about a twentieth of the points, shorter at the ends."""
    width = max(len(values) // 20, 1)
    kernel = np.ones(width)
    weights = np.convolve(np.ones(len(values)), kernel, mode="same")
    result: FloatArray = np.convolve(values, kernel, mode="same") / weights
    return result
