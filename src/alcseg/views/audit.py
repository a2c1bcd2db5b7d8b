"""An audit: the worst labels over their images, against predictions by networks that never saw them."""

import math

import numpy as np
from matplotlib.figure import Figure

from alcseg.audited import Audit
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_label
from alcseg.errors import DataError, UsageError
from alcseg.reporting.cases import UprightCase, upright_case
from alcseg.reporting.drawing import (
    CONTOUR_STYLES,
    INK,
    POINTS,
    contour_legend,
    cut,
    largest_slice,
    outline,
    show_slice,
)
from alcseg.views.card import card, plain, shown, table

__all__ = ["figure", "html", "seen_case"]

_AXIAL = 2
_COLUMNS = 4
_STYLES = {name: CONTOUR_STYLES[name] for name in ("predicted", "given")}  # where equal, dashes over the line


def figure(audit: Audit, count: int) -> Figure:
    """A panel per case, the worst label first: both contours, in the slice where they differ most.

    Raises:
        UsageError: If no case is asked for.
        DataError: If nothing was judged, or a file of the dataset or the audit cannot be read.
    """
    if count < 1:
        raise UsageError(f"plot: expected at least one case to draw, got cases={count}.")
    lines = audit.worst[:count]
    if not lines:
        raise DataError(f"{audit.path}: expected at least one case in the ranking, got none.")
    dataset = Dataset.open(audit.record.dataset)
    across = min(_COLUMNS, len(lines))
    down = math.ceil(len(lines) / across)
    drawn = Figure(figsize=(2.2 * across, 2.5 * down + 0.3), layout="constrained")
    panels = drawn.subplots(down, across, squeeze=False).flat
    for axes, line in zip(panels, lines, strict=False):
        seen = seen_case(audit, dataset, line.case_id)
        given, predicted = seen.labels["given"], seen.labels["predicted"]
        differ = given != predicted
        index = largest_slice(differ if differ.any() else given > 0, _AXIAL)
        extent = show_slice(axes, seen.image, _AXIAL, index, seen.spacing)
        for name, style in _STYLES.items():
            outline(axes, cut(seen.labels[name], _AXIAL, index), extent, style)
        found = f"{line.class_name}: {line.kind.replace('_', ' ')}, Dice {line.dice:.2f}"
        axes.set_title(plain(f"{line.rank}. {line.case_id}\n{found}"), fontsize=POINTS, color=INK)
    for axes in panels:
        axes.set_axis_off()
    contour_legend(drawn, _STYLES)
    return shown(drawn)


def html(audit: Audit) -> str:
    """What was found, the top of the ranking, and the picture."""
    record = audit.record
    found = f"{record.wrong} of {record.cases} labels seem wrong, {len(record.trusted)} can be trusted"
    return card(
        f"Audit in {audit.path}: {record.verdict if record.knows_little else found}",
        lambda: table(
            {
                "rank": row.rank,
                "case": row.case_id,
                "class": row.class_name,
                "Dice": row.dice,
                "from": row.dice_low,
                "to": row.dice_high,
                "surface (mm)": row.surface_mm,
                "kind": row.kind,
            }
            for row in audit.ranking
        ),
        picture=lambda: figure(audit, _COLUMNS),
    )


def seen_case(audit: Audit, dataset: Dataset, case_id: str) -> UprightCase:
    """Image, given label and prediction, which the maps of missing and extra voxels tell."""
    case = dataset[case_id]
    given = dataset.read_label(case_id).array
    background = dataset.label_values[0]
    missing, extra = (
        read_label(audit.path / name / f"{case_id}{dataset.file_ending}").array
        for name in ("missing", "extra")
    )
    differ = (missing != background) | (extra != background)
    labels = {"given": given, "predicted": np.where(differ, missing, given)}
    return upright_case(case.image, case.affine, labels)
