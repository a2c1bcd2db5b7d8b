"""A case on a page: three planes through the largest difference of two labels, and what was found."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from alcseg.boxes import bounding_box
from alcseg.errors import ShapeError
from alcseg.reporting.cases import UprightCase
from alcseg.reporting.planes import planes_of
from alcseg.reporting.regions import Region, find_regions, fullest_slices
from alcseg.types import LabelMap, Spacing

__all__ = ["CasePanel", "Cases", "anchor_of", "draw_panel", "in_mm3", "largest_difference"]


@dataclass(frozen=True)
class CasePanel:
    """One case.

    Attributes:
        case_id: The case.
        heading: In front of its name, such as its rank.
        badge: What matters most, in a word or two.
        facts: Numbers, in a line.
        words: What was found, a sentence each.
        planes: An SVG each.
        link: Address that opens it in the review; empty for none.
    """

    case_id: str
    heading: str = ""
    badge: str = ""
    facts: str = ""
    words: Sequence[str] = ()
    planes: Sequence[Markup] = ()
    link: str = ""

    @property
    def anchor(self) -> str:
        """What a link to this panel ends with."""
        return anchor_of(self.case_id)


@dataclass(frozen=True)
class Cases:
    """Panels of many cases.

    Attributes:
        panels: In order.
        dashed: What a dashed outline is.
        solid: What a solid one is.
        tinted: What is tinted.
        tints: What each tint is: in the solid label alone, in the dashed one alone, of another class.
        command: What starts the review that the panels link to; empty for none.
    """

    panels: Sequence[CasePanel]
    dashed: str = "as given"
    solid: str = "as written"
    tinted: str = "the largest change"
    tints: tuple[str, str, str] = ("added", "removed", "another class")
    command: str = ""
    kind: str = field(default="cases", init=False)


def anchor_of(case_id: str) -> str:
    """The end of a link to the panel of a case."""
    return f"case-{quote(case_id, safe='')}"


def draw_panel(
    panel: CasePanel,
    case: UprightCase,
    values: Sequence[int],
    names: Sequence[str],
    *,
    first: str = "given",
    other: str = "written",
) -> CasePanel:
    """The panel with its planes, and a sentence on the largest difference.

    Args:
        panel: Without planes.
        case: Image and labels: `given`, where there is one, and `other`.
        values: Label value of each class, background first.
        names: Of the classes, likewise.
        first: What the given label is called.
        other: Name of the label that is compared with it.
    """
    for name, label in case.labels.items():
        if label.shape != case.image.shape:
            raise ShapeError(
                f"case '{panel.case_id}': expected a label of shape {case.image.shape} as the image has, "
                f"found {label.shape} ({name}). Bring both to one grid."
            )
    labels = {name: _indices(label, values) for name, label in case.labels.items()}
    before = labels.get("given", np.zeros(case.image.shape, np.uint8))
    after = labels[other]
    found = largest_difference(before, after, case.spacing)
    either = (before > 0) | (after > 0)
    if found is None:
        place, marked, around, words = _middle(either), None, either, "The two labels are the same."
        labels = {"given": before}  # one line over the other could not be told from either
    else:
        region, marked = found
        place, words = region.place, _in_words(region, before, after, names, (first, other))
        concerned = np.isin(before, region.classes) | np.isin(after, region.classes)
        around = either if len(names) <= _FEW_CLASSES else concerned
    shown = UprightCase(case.image, labels, None, case.spacing)
    tint = "" if found is None else region.kind
    planes = [Markup(plane) for plane in planes_of(shown, place, around, marked, tint)]
    return replace(panel, planes=planes, words=(*panel.words, words))


_FEW_CLASSES = 5  # with more, those that the difference is not about need not be seen


def largest_difference(
    before: LabelMap, after: LabelMap, spacing: Spacing
) -> tuple[Region, NDArray[np.bool_]] | None:
    """The first region of the review, and its voxels; None where the labels are the same.

    Args:
        before: Class indices, `(X, Y, Z)`, 0 is background.
        after: The same.
        spacing: Voxel size in mm.
    """
    differ = before != after
    if not differ.any():
        return None
    box = bounding_box(differ)
    regions, numbers = find_regions(before[box], after[box], spacing)
    marked = np.zeros(before.shape, bool)
    marked[box] = numbers == regions[0].number
    x, y, z = (at + part.start for at, part in zip(regions[0].place, box, strict=True))
    return replace(regions[0], place=(x, y, z)), marked


def in_mm3(volume: float) -> str:
    """A volume as a person reads it."""
    return f"{volume:,.0f} mm³" if volume >= 10 else f"{volume:.2g} mm³"


def _in_words(
    region: Region, before: LabelMap, after: LabelMap, names: Sequence[str], compared: tuple[str, str]
) -> str:
    x, y, z = region.place
    place = f"axial slice {z + 1}, coronal {y + 1}, sagittal {x + 1}"
    size = in_mm3(region.mm3)
    old, new = names[int(before[x, y, z])], names[int(after[x, y, z])]
    first, other = compared
    if other == "written":
        said = {"added": f"{size} added to {new}", "removed": f"{size} taken from {old}"}
        said |= {"changed": f"{size} changed from {old} to {new}"}
        return f"Largest change: {said[region.kind]} ({place})."
    said = {"added": f"{size} of {new} only {other}", "removed": f"{size} of {old} only {first}"}
    said |= {"changed": f"{size} {first} as {old} and {other} as {new}"}
    return f"Largest difference: {said[region.kind]} ({place})."


def _middle(mask: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Where the slices of a mask are fullest; the middle of an empty one."""
    if not mask.any():
        x, y, z = (size // 2 for size in mask.shape)
        return x, y, z
    return fullest_slices(mask)


def _indices(label: LabelMap, values: Sequence[int]) -> LabelMap:
    """Class indices of label values; a value that no class has counts as background."""
    kind = np.min_scalar_type(len(values))
    found = np.zeros(label.shape, kind)
    for index, value in enumerate(values):
        if index:
            found[label == value] = index
    return found
