"""What the best methods make of an easy, a middling and the worst case."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Ellipse
from scipy import ndimage

from alcseg.data.folder import Dataset
from alcseg.listing import has_file
from alcseg.records.benchmark_plan import PlannedRow
from alcseg.reporting.cases import read_upright
from alcseg.reporting.drawing import (
    CONTOUR_STYLES,
    INK,
    PAGE_INCH,
    POINTS,
    Extent,
    contour_legend,
    cut,
    focus,
    largest_slice,
    outline,
    show_slice,
)
from alcseg.reporting.entries import DatasetEntry, RunEntry
from alcseg.reporting.records import Benchmark
from alcseg.reporting.results import BASELINE

__all__ = ["best_rows", "cases_figure", "chosen_cases", "largest_errors"]

_AXIAL = 2
_METHODS = 4
_CIRCLES = 2  # more would hide what they point at
_LEAST_VOXELS = 4
_ERROR_COLOR = "#E69F00"

_NAME_LENGTH = 12  # letters that fit beside a row


def best_rows(benchmark: Benchmark, dataset: DatasetEntry) -> list[tuple[PlannedRow, RunEntry]]:
    """The four rows of highest mean Dice, best first, upper bounds aside, each with its first run."""
    scored = [
        (float(values.array.mean()), row)
        for row in benchmark.rows
        if not row.upper_bound and (values := benchmark.values(dataset.name, row.row, "dice")) is not None
    ]
    scored.sort(key=lambda entry: -entry[0])
    return [(row, benchmark.done(dataset.name, row.row)[0]) for _, row in scored[:_METHODS]]


def chosen_cases(dice: Mapping[str, float]) -> dict[str, str]:
    """Words to case: the best, the median and, last, the worst; fewer where there are fewer."""
    ranked = sorted(dice, key=lambda case: (-dice[case], case))
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    found = {ranked[place]: word for word, place in places.items()}  # the later word wins
    return {word: case for case, word in found.items()}


def cases_figure(benchmark: Benchmark, dataset: DatasetEntry) -> Figure | None:
    """Rows of cases, columns of image, truth and methods; None where predictions or images are wanting.

    The cases are chosen by the Dice of ALC where it is shown, else of the best method. In the last row, the
    worst case, the largest errors of each method are circled.
    """
    shown = best_rows(benchmark, dataset)
    if not shown or not has_file(dataset.path / "dataset.json"):
        return None
    folder = Dataset.open(dataset.path)
    judge = next((run for row, run in shown if row.method == BASELINE), shown[0][1])
    chosen = chosen_cases(judge.test.by_case("dice") if judge.test else {})
    ending = folder.file_ending
    paths = {case: _paths(folder, case, shown, ending) for case in chosen.values()}
    if not all(path is not None and has_file(path) for found in paths.values() for path in found.values()):
        return None
    columns = 2 + len(shown)
    panel = PAGE_INCH / 6
    size = (panel * columns + 0.3, panel * len(chosen) + 0.75)
    figure = Figure(
        figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    )
    grid = figure.subplots(len(chosen), columns, squeeze=False)
    for line, (word, case_id) in zip(grid, chosen.items(), strict=True):
        dice = {row.row: run.test.by_case("dice").get(case_id) for row, run in shown if run.test}
        labels = {key: path for key, path in paths[case_id].items() if path is not None}
        _draw_case(line, folder.image_paths(case_id)[0], labels, dice, circled=word == "worst")
        line[0].set_ylabel(f"{word}\n{_short(case_id)}", fontsize=POINTS, color=INK)
    means = [benchmark.values(dataset.name, row.row, "dice") for row, _ in shown]
    titles = [
        f"{row.title}\nmean {100 * values.array.mean():.1f} %" if values else row.title
        for (row, _), values in zip(shown, means, strict=True)
    ]
    for axes, title in zip(grid[0], ["image", "truth", *titles], strict=True):
        axes.set_title(title, fontsize=POINTS, color=INK)
    contour_legend(
        figure,
        {
            "truth": CONTOUR_STYLES["clean"],
            "predicted": CONTOUR_STYLES["predicted"],
            "largest errors": (_ERROR_COLOR, "dashed"),
        },
    )
    return figure


def _paths(
    folder: Dataset, case_id: str, shown: Sequence[tuple[PlannedRow, RunEntry]], ending: str
) -> dict[str, Path | None]:
    """Label maps of a case: the truth, and what each method says."""
    predicted = {row.row: run.path / "pred" / f"{case_id}{ending}" for row, run in shown}
    return {"": folder.label_path(case_id), **predicted}


def _draw_case(
    line: Sequence[Axes],
    image: Path,
    labels: Mapping[str, Path],
    dice: Mapping[str, float | None],
    *,
    circled: bool,
) -> None:
    case = read_upright(image, labels)
    index = largest_slice(case.labels[""] > 0, _AXIAL)
    slices = {name: cut(label, _AXIAL, index) for name, label in case.labels.items()}
    everything = np.logical_or.reduce([label > 0 for label in slices.values()])
    names = [None, *slices]
    for axes, name in zip(line, names, strict=True):
        extent = show_slice(axes, case.image, _AXIAL, index, case.spacing)
        focus(axes, everything, extent)
        if name is not None:
            outline(axes, slices[""], extent, CONTOUR_STYLES["clean"], width=0.8)
        if name:
            outline(axes, slices[name], extent, CONTOUR_STYLES["predicted"], width=1.0)
            _write_dice(axes, dice.get(name))
            if circled:
                _circle(axes, slices[name] != slices[""], extent)


def _write_dice(axes: Axes, value: float | None) -> None:
    text = "no score" if value is None else f"{100 * value:.1f} %"
    axes.text(
        0.03, 0.03, text, transform=axes.transAxes, color="white", fontsize=POINTS - 0.5, va="bottom",
        bbox={"facecolor": "black", "alpha": 0.55, "edgecolor": "none", "pad": 1.0},
    )  # fmt: skip


def largest_errors(wrong: Any) -> list[tuple[slice, slice]]:
    """Boxes of the largest connected patches of wrong voxels in a slice, at most two of at least 4 voxels."""
    numbered, count = ndimage.label(wrong, structure=np.ones((3, 3)))
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(numbered)
    order = np.argsort(-sizes, kind="stable")[:_CIRCLES]
    return [boxes[number] for number in order if sizes[number] >= _LEAST_VOXELS]


def _circle(axes: Axes, wrong: Any, extent: Extent) -> None:
    rows, columns = wrong.shape
    x, y = extent[1] / columns, extent[3] / rows
    for down, across in largest_errors(wrong):
        center = ((across.start + across.stop) / 2 * x, (down.start + down.stop) / 2 * y)
        width, height = (across.stop - across.start) * x, (down.stop - down.start) * y
        pad = 2 * max(x, y)
        axes.add_patch(
            Ellipse(
                center, 1.2 * width + pad, 1.2 * height + pad, fill=False, color=_ERROR_COLOR, linewidth=1.2,
                linestyle="dashed",
            )
        )  # fmt: skip


def _short(case_id: str) -> str:
    """A case name that fits beside its row."""
    return case_id if len(case_id) <= _NAME_LENGTH else f"{case_id[:_NAME_LENGTH]}…"
