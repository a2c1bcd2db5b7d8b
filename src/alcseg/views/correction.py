"""A correction: the worst labels, given against written, with the uncertainty."""

from itertools import islice

import numpy as np
from matplotlib.figure import Figure

from alcseg.corrected import CorrectedCase, Correction
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
_STYLES = {name: CONTOUR_STYLES[name] for name in ("written", "given")}  # where equal, dashes over the line


def figure(correction: Correction, count: int) -> Figure:
    """A line per case, the worst given label first: image, labels, uncertainty, where most changed.

    Raises:
        UsageError: If no case is asked for.
        DataError: If no case was looked at, or a file cannot be read.
    """
    if count < 1:
        raise UsageError(f"plot: expected at least one case to draw, got cases={count}.")
    cases = list(islice(correction, count))
    if not cases:
        raise DataError(f"{correction.path}: expected at least one case in the ranking, got none.")
    drawn = Figure(figsize=(6.6, 2.2 * len(cases) + 0.4), layout="constrained")
    grid = drawn.subplots(len(cases), 3, squeeze=False)
    for line, case in zip(grid, cases, strict=True):
        upright = seen_case(case)
        labels = upright.labels
        changed = labels["given"] != labels["written"] if len(labels) == 2 else np.zeros(1, bool)
        here = changed if changed.any() else next(iter(labels.values()), upright.image * 0) > 0
        index = largest_slice(here, _AXIAL)
        extents = [show_slice(axes, upright.image, _AXIAL, index, upright.spacing) for axes in line]
        for name, label in labels.items():
            outline(line[1], cut(label, _AXIAL, index), extents[1], _STYLES[name])
        if upright.uncertainty is not None:
            doubt = cut(upright.uncertainty, _AXIAL, index)
            top = max(float(np.percentile(upright.uncertainty, 99.9)), 1e-12)
            strength = np.sqrt(np.clip(doubt / top, 0.0, 1.0)) * 0.9
            line[2].imshow(
                doubt, cmap="inferno", vmin=0.0, vmax=top, origin="lower", extent=extents[2], alpha=strength
            )
        line[0].set_ylabel(f"{case.ranking[0].rank}. {plain(case.case_id)}", fontsize=POINTS, color=INK)
    for axes, title in zip(grid[0], ("image", "labels", "uncertainty"), strict=True):
        axes.set_title(title, fontsize=POINTS, color=INK)
    contour_legend(drawn, _STYLES)
    return shown(drawn)


def html(correction: Correction) -> str:
    """What was done, the top of the ranking, and the picture."""
    done = f"{len(correction.corrected)} labels corrected, {len(correction.failed)} cases failed"
    return card(
        f"Correction in {correction.path}: {done}",
        lambda: table(
            {
                "rank": row.rank,
                "case": row.case_id,
                "class": row.class_name,
                "error as given": row.given_error,
                "error as written": row.written_error,
                "agreement": row.agreement,
                "changed (mm³)": row.changed_mm3,
                "reason": row.reason,
            }
            for row in correction.ranking
        ),
        picture=lambda: figure(correction, 3),
    )


def seen_case(case: CorrectedCase, *, uncertainty: bool = True) -> UprightCase:
    """Image, labels and, where it is wanted, uncertainty of a case, upright."""
    labels = {"written": case.written, "given": case.given}
    found = {name: label for name, label in labels.items() if label is not None}
    return upright_case(case.image, case.affine, found, case.uncertainty if uncertainty else None)
