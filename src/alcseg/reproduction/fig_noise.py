"""Fig. 1 of the paper: what dilation and erosion make of a label."""

from collections.abc import Iterator

from matplotlib.figure import Figure

from alcseg.data.folder import Dataset
from alcseg.listing import has_folder
from alcseg.records.noise import NoiseEntry
from alcseg.reporting.cases import read_upright
from alcseg.reporting.drawing import (
    COLUMN_INCH,
    CONTOUR_STYLES,
    INK,
    POINTS,
    contour_legend,
    cut,
    focus,
    largest_slice,
    outline,
    show_slice,
)
from alcseg.reporting.entries import DatasetEntry

__all__ = ["noise_figure"]

_WORDS = {"dilate": "dilated", "erode": "eroded"}
_UNITS = {"voxel": "voxels", "mm": "mm", "percent": "%"}
_AXIAL = 2


def noise_figure(dataset: DatasetEntry) -> Figure | None:
    """A dilated and an eroded case, clean and noisy outlines over the image; None where there are none.

    Where labels were only dilated, or only eroded, it is one case. Of each kind it is that of median Dice, so
    neither the mildest nor the worst.

    Raises:
        DataError: If a file of the dataset is damaged.
    """
    shown = list(_typical(dataset))
    if not shown:
        return None
    folder = Dataset.open(dataset.path)
    figure = Figure(figsize=(COLUMN_INCH, COLUMN_INCH / 2 + 0.7), layout="constrained")
    grid = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (case_id, entry) in zip(grid, shown, strict=True):
        name = f"{case_id}{folder.file_ending}"
        paths = {"clean": dataset.path / "labelsClean" / name, "given": dataset.path / "labelsTr" / name}
        case = read_upright(folder.image_paths(case_id)[0], paths)
        index = largest_slice(case.labels["clean"] > 0, _AXIAL)
        extent = show_slice(axes, case.image, _AXIAL, index, case.spacing)
        slices = {key: cut(label, _AXIAL, index) for key, label in case.labels.items()}
        for key, label in slices.items():
            outline(axes, label, extent, CONTOUR_STYLES[key], width=1.0)
        focus(axes, (slices["clean"] > 0) | (slices["given"] > 0), extent)
        title = f"{_WORDS[entry.operation]}, {entry.size:g} {_UNITS.get(entry.unit or 'voxel', entry.unit)}"
        axes.set_title(f"{title}\nDice {entry.dice_to_clean:.2f}", fontsize=POINTS, color=INK)
    contour_legend(figure, {"clean": CONTOUR_STYLES["clean"], "as given": CONTOUR_STYLES["given"]})
    return figure


def _typical(dataset: DatasetEntry) -> Iterator[tuple[str, NoiseEntry]]:
    """Of each operation the case of median Dice and its entry in the manifest."""
    if not has_folder(dataset.path / "labelsClean"):
        return
    noise = dataset.noise.cases
    for operation in _WORDS:
        cases = [
            (entry.dice_to_clean, case)
            for case, entry in noise.items()
            if entry.operation == operation and entry.size is not None and entry.dice_to_clean is not None
        ]
        if cases:
            _, case = sorted(cases)[len(cases) // 2]
            yield case, noise[case]
