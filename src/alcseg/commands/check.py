"""`alcseg check`: is a dataset folder fit for use; three grades, and `--fix` for the one in the middle.

`fatal` stops a training or makes its numbers wrong. So does `repairable`: a label whose header differs from
that of its image though the shape fits, or that covers a part of its grid. `ok` findings are notes: usable,
but worth knowing.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alcseg.checking import (
    Finding,
    Gaps,
    Grade,
    compare,
    count_classes,
    incomplete_labels,
    thin_classes,
)
from alcseg.commands._check_case import Seen, check_case, without_image
from alcseg.commands._check_raters import RaterCheck
from alcseg.commands.progress import track
from alcseg.data.folder import Dataset
from alcseg.data.given import require_given_labels
from alcseg.data.stated_count import count_fault
from alcseg.data.unused import holds_voxels, unused_in_dataset
from alcseg.errors import DataError
from alcseg.frames import to_frame
from alcseg.listing import has_file
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.words import shorten

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["CheckReport", "Finding", "check"]

_ODD_SIZE = (
    4.0  # Times the median extent, or a part of it: another field of view, or spacing in another unit.
)


@dataclass(frozen=True)
class CheckReport:
    """What `check` found.

    Attributes:
        dataset: The folder.
        grade: The worst grade of all findings.
        findings: Fatal ones first.
        counts: Number of cases, of cases per split and quality, and of findings per grade.
        fixed: Cases of which a label header was repaired in this call, that of the case or of a reader.
        classes: Class name to quality to the number of labels that hold the class.
        volumes_ml: Case to class name to volume, of labels that hold more than background; without the
            classes that nobody drew in the case.
        incomplete: Case to what is missing in its label, if anything is.
    """

    dataset: Path
    grade: Grade
    findings: tuple[Finding, ...]
    counts: dict[str, int]
    fixed: tuple[str, ...]
    classes: dict[str, dict[str, int]]
    volumes_ml: dict[str, dict[str, float]]
    incomplete: dict[str, Gaps]

    def __fspath__(self) -> str:
        return str(self.dataset)

    def to_frame(self) -> "DataFrame":
        """A line per finding; needs pandas."""
        return to_frame(map(vars, self.findings))


def check(dataset: str | PathLike[str], *, fix: bool = False) -> CheckReport:
    """Read every case of a dataset folder, with the labels of each reader, and grade what is wrong with it.

    Args:
        dataset: Dataset folder.
        fix: Give each label of grade `repairable` the image's header and grid. This replaces label files in
            `dataset` itself, each whole or not at all; the voxels stay. Nothing else is ever changed.

    Raises:
        DataError: If `dataset` has no `dataset.json`.
    """
    path = Path(dataset)
    seen = Seen()
    try:
        folder = Dataset.open(dataset, require_images=False)
    except DataError as error:
        if not has_file(DatasetRecord.path(path)):
            raise
        return _report(path, (), [Finding("fatal", "", str(error))], seen)
    findings = [*_check_table(folder), *_check_files(folder)]
    readers = RaterCheck.of(folder)
    absent = set(folder.absent_cases())
    for row in track(folder.rows, "Checking cases"):
        if row.case_id in absent:
            findings.append(without_image(folder, row))
        else:
            findings += check_case(folder, row, seen, readers, fix=fix)
    findings += _check_whole(seen)
    findings += readers.whole()
    held = {
        name for one in seen.sketches if seen.gaps[one.row.case_id]
        for name, volume in one.volumes_ml.items() if volume > 0
    }  # fmt: skip
    findings += _check_ignore(folder, seen)
    findings += incomplete_labels(seen.gaps, folder.label_names[1:]) if any(seen.gaps.values()) else ()
    findings += compare(seen.complete, folder.labels, held)
    findings += thin_classes(folder, seen.sketches)
    return _report(path, folder.rows, findings, seen)


def _check_table(folder: Dataset) -> Iterator[Finding]:
    splits: dict[str, set[str]] = {}
    for row in folder.rows:
        splits.setdefault(row.group, set()).add(row.split)
    for group, found in splits.items():
        if len(found) > 1:
            yield Finding(
                "fatal",
                "",
                f"group '{group}' is in the splits {', '.join(sorted(found))}; expected one. "
                f"Move its cases to one split in {CaseRow.NAME}.",
            )
    train = folder.rows_where(split="train")
    if not train:
        yield Finding("fatal", "", f"no case has split train. Correct {CaseRow.NAME}.")
    elif not folder.rows_where(split="train", quality="hq"):
        yield Finding(
            "ok", "", "no training case is hq: methods that need hq labels will refuse the dataset."
        )
    if not folder.rows_where(split="val"):
        yield Finding("ok", "", "no case has split val: training holds out some hq cases (--val-hq).")
    elif not folder.rows_where(split="val", quality="hq"):
        yield Finding("ok", "", "no validation case is hq: training holds out some hq cases (--val-hq).")


def _check_files(folder: Dataset) -> Iterator[Finding]:
    """Files of no case, another number of cases than stated, labels that a correction kept and are gone."""
    grade: Grade = "ok" if has_file(CaseRow.path(folder.root)) else "fatal"
    unused = [path for path in unused_in_dataset(folder) if holds_voxels(path)]
    if unused:
        yield Finding(
            grade,
            "",
            f"{len(unused)} file(s) among images and labels are of no case: {shorten(unused)}. Convert them "
            f"to {folder.file_ending} or rename them like their images, or move them out.",
        )
    table = DatasetRecord.path(folder.root)
    training = sum(row.split != "test" and row.quality != "unlabeled" for row in folder.rows)
    if fault := count_fault(folder.record.num_training, training, table):
        yield Finding(grade if training < folder.record.num_training else "ok", "", fault)
    try:
        require_given_labels(folder)
    except DataError as error:
        yield Finding("fatal", "", str(error))


def _check_whole(seen: Seen) -> Iterator[Finding]:
    if seen.labeled and seen.labeled == seen.empty_train:
        yield Finding("fatal", "", f"all {seen.labeled} training labels are empty. Check the label files.")
    elif seen.empty:
        message = f"{len(seen.empty)} label(s) hold background only: {shorten(seen.empty)}. Fine if true."
        yield Finding("ok", "", message)
    if seen.rounded:
        message = (
            f"{len(seen.rounded)} label(s) are stored scaled, such as 0.996 for 1, and were rounded: "
            f"{shorten(seen.rounded)}. Save them as whole numbers for other tools."
        )
        yield Finding("ok", "", message)
    if not seen.extents_mm:
        return
    usual = np.median(list(seen.extents_mm.values()), axis=0)
    for case_id, extent in seen.extents_mm.items():
        if (np.maximum(extent / usual, usual / extent) > _ODD_SIZE).any():
            found, median = ("x".join(f"{value:.0f}" for value in size) for size in (extent, usual))
            message = f"covers {found} mm, the median case {median} mm. Check its spacing and field of view."
            yield Finding("ok", case_id, message)


def _check_ignore(folder: Dataset, seen: Seen) -> Iterator[Finding]:
    if folder.ignore is not None and seen.gaps and not any(gaps.ignored_share for gaps in seen.gaps.values()):
        message = (
            f"{DatasetRecord.NAME} says that voxels of the value {folder.ignore} are ignored, and no label "
            "holds it. Fine if each voxel was labeled, else correct the value."
        )
        yield Finding("ok", "", message, "ignored", 0.0)


def _report(dataset: Path, rows: tuple[CaseRow, ...], findings: list[Finding], seen: Seen) -> CheckReport:
    order: tuple[Grade, ...] = ("fatal", "repairable", "ok")
    findings = sorted(findings, key=lambda finding: order.index(finding.grade))
    grades = Counter(finding.grade for finding in findings)
    sizes = Counter(f"{row.split} {row.quality}" for row in rows)
    fixed = tuple(dict.fromkeys(seen.fixed))
    counts = {"cases": len(rows), **dict(sorted(sizes.items())), "fixed": len(fixed)}
    counts |= {"fatal": grades["fatal"], "repairable": grades["repairable"], "notes": grades["ok"]}
    worst = findings[0].grade if findings else "ok"
    names = list(seen.sketches[0].volumes_ml) if seen.sketches else []
    return CheckReport(
        dataset,
        worst,
        tuple(findings),
        counts,
        fixed,
        count_classes(seen.sketches, names),
        {
            sketch.row.case_id: {
                name: volume
                for name, volume in sketch.volumes_ml.items()
                if name not in seen.gaps[sketch.row.case_id].undrawn
            }
            for sketch in seen.sketches
        },
        {case_id: gaps for case_id, gaps in seen.gaps.items() if gaps},
    )
