"""What `alcseg check` says of one case: its images, its label, and whether the two lie on one grid."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from alcseg.checking import Finding, Gaps, Sketch, sketch
from alcseg.commands._check_raters import RaterCheck
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.grids import compare_grids, onto_grid
from alcseg.data.header_notes import header_notes
from alcseg.data.incomplete import put_back
from alcseg.data.nifti import read_image
from alcseg.data.twins import REMEDY, Kind, Twins
from alcseg.data.writer import write_label
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.types import FloatArray

__all__ = ["Seen", "check_case"]

_log = logging.getLogger(__name__)


@dataclass
class Seen:
    """What is gathered over the cases, for findings about the whole dataset.

    Attributes:
        fixed: Cases of which a label was repaired, as often as labels were.
        empty: Cases whose label is background alone.
        rounded: Cases whose label values are stored scaled.
        labeled: Number of training cases with a label.
        empty_train: Number of those whose label is background alone.
        extents_mm: Size of each image.
        sketches: Of labels that lie on the grid of their image and hold a class.
        twins: Images and labels that were met.
        twin_images: Cases whose image is that of another.
        gaps: What is missing in each label.
    """

    fixed: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    labeled: int = 0
    empty_train: int = 0
    extents_mm: dict[str, FloatArray] = field(default_factory=dict)
    sketches: list[Sketch] = field(default_factory=list)
    twins: Twins = field(default_factory=Twins)
    twin_images: set[str] = field(default_factory=set)
    gaps: dict[str, Gaps] = field(default_factory=dict)

    @property
    def complete(self) -> list[Sketch]:
        """Those of labels in which nothing is missing."""
        return [one for one in self.sketches if not self.gaps[one.row.case_id]]


def without_image(folder: Dataset, row: CaseRow) -> Finding:
    """Of a case in the table that has no image, or one that no training reads."""
    stacked = folder.stacked_image(row.case_id)
    message = (
        f"is in {CaseRow.NAME}, but has no image. Restore it or remove the line."
        if stacked is None
        else f"has one file for all channels, {stacked}. Make a dataset of single channels with "
        "`alcseg import`."
    )
    return Finding("fatal", row.case_id, message)


def check_case(
    folder: Dataset, row: CaseRow, seen: Seen, readers: RaterCheck, *, fix: bool
) -> Iterator[Finding]:
    """Read a case that has images, with the labels of each reader.

    Args:
        folder: The dataset.
        row: The case.
        seen: Takes what is found.
        readers: Takes what is found of the readers' labels.
        fix: Give a label that is `repairable` the image's header and grid.
    """
    try:
        paths = folder.image_paths(row.case_id)
        image = read_image(paths[0])
        for path in paths[1:]:
            found = compare_grids(image, read_image(path))
            if found.grade != "ok":
                message = f"{path}: {found.difference} of the first channel. Resample it."
                yield Finding("fatal", row.case_id, message)
        yield from _check_image(image, row, seen)
        for said in readers.case(row.case_id, image, fix=fix):
            if isinstance(said, Finding):
                yield said
            else:
                seen.fixed.append(row.case_id)
        if row.quality == "unlabeled":
            return
        label = folder.read_label(row.case_id)
    except DataError as error:
        yield Finding("fatal", row.case_id, str(error))
        return
    unknown = 0.0 if label.known is None else float(np.mean(~label.known))
    undrawn = tuple(folder.label_names[index] for index in folder.undrawn(row.case_id))
    seen.gaps[row.case_id] = Gaps(unknown, undrawn)
    if unknown == 1:
        message = f"{label.path}: nobody labeled any voxel. Set the quality of the case to unlabeled."
        yield Finding("fatal", row.case_id, message)
    empty = not np.any(label.array != folder.label_values[0])
    seen.labeled += row.split == "train"
    seen.empty_train += empty and row.split == "train"
    if empty:
        seen.empty.append(row.case_id)
    elif row.case_id not in seen.twin_images:  # else it is told already
        yield from _check_twin(label, row, "label map", seen)
    if label.rounded:
        seen.rounded.append(row.case_id)
    told = set(header_notes(image))
    for note in header_notes(label):
        if note not in told:
            yield Finding("ok", row.case_id, f"of its label: {note}")
    found = compare_grids(image, label)
    if found.grade == "ok" and (seen_case := sketch(row, image, label, folder.labels)):
        seen.sketches.append(seen_case)
    if found.grade == "fatal":
        yield Finding(
            "fatal", row.case_id, f"{label.path}: {found.difference} of the image. Resample the label."
        )
    elif found.grade == "repairable" and not fix:
        yield Finding(
            "repairable",
            row.case_id,
            f"{label.path}: {found.difference} of the image. If the voxels do match, run --fix.",
        )
    elif found.grade == "repairable":
        whole = replace(label, array=put_back(label.array, label.known, folder.ignore))
        write_label(label.path, onto_grid(image, whole), image)
        seen.fixed.append(row.case_id)
        _log.info("%s: put onto the grid of the image (%s)", label.path, found.difference)


def _check_image(image: Volume, row: CaseRow, seen: Seen) -> Iterator[Finding]:
    for note in header_notes(image):
        yield Finding("ok", row.case_id, note)
    seen.extents_mm[row.case_id] = np.multiply(image.shape, image.spacing)
    yield from _check_twin(image, row, "image", seen)


def _check_twin(volume: Volume, row: CaseRow, kind: Kind, seen: Seen) -> Iterator[Finding]:
    twin = seen.twins.meet(row, volume, kind)
    if twin is None:
        return
    if kind == "image":
        seen.twin_images.add(row.case_id)
    same = f"its {kind} is voxel for voxel that of '{twin.case_id}'"
    if twin.split == row.split:
        yield Finding("ok", row.case_id, f"{same}. Keep one of the two.")
    else:
        yield Finding(
            "fatal",
            row.case_id,
            f"{same}, but they are in the splits {twin.split} and {row.split}; expected one. {REMEDY}",
        )
