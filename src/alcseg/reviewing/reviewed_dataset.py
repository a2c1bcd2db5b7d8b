"""`alcseg review --apply`: the dataset in which what was decided stands, and reviewed cases are `hq`."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcseg.arrays import label_hash
from alcseg.data.folder import Dataset
from alcseg.data.given import list_given_labels
from alcseg.data.incomplete import put_back
from alcseg.data.layout import GIVEN, LABELS
from alcseg.data.nifti import read_grid
from alcseg.data.rater_labels import copy_rater_labels
from alcseg.data.writer import write_label
from alcseg.files import copy_into, link_or_copy, write_text
from alcseg.listing import list_files
from alcseg.outputs import output_folder, require_apart
from alcseg.records.cases import CaseRow
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.agreement import final_decisions, settled_labels
from alcseg.reviewing.subject import Subject
from alcseg.types import LabelMap

__all__ = ["DECISIONS", "Applied", "apply_review", "write_decisions"]

DECISIONS = "decisions.jsonl"
"""All decisions, a line each."""


@dataclass(frozen=True)
class Applied:
    """What became of a review.

    Attributes:
        out: The new dataset.
        reviewed: Cases whose label was decided on; `hq` there.
        changed: Those of them whose label differs from the given one.
        flagged: Cases that somebody has to look at; they stay as they were.
        conflicts: Cases whose readings differ; they stay as they were.
        stale: Cases whose given label has changed since; they stay as they are now.
        open: How many cases were not decided.
    """

    out: Path
    reviewed: tuple[str, ...]
    changed: tuple[str, ...]
    flagged: tuple[str, ...]
    conflicts: tuple[str, ...]
    stale: tuple[str, ...]
    open: int

    def __fspath__(self) -> str:
        return str(self.out)


def apply_review(subject: Subject, book: ReviewBook, out: Path, *, overwrite: bool = False) -> Applied:
    """Write the dataset.

    Args:
        subject: What was reviewed; only read.
        book: What was decided.
        out: The new folder.
        overwrite: Replace what it holds.

    Raises:
        DataError: If nothing was decided.
        UsageError: If `out` holds something, or lies in the dataset.
    """
    source = subject.dataset
    final, differing = final_decisions(book.standing())
    settled = settled_labels(final, book.path)
    require_apart(out, source.root)
    stale = {case_id for case_id, decision in settled.items() if _hash_now(subject, case_id) != decision.seen}
    settled = {case_id: decision for case_id, decision in settled.items() if case_id not in stale}
    changed = {case_id for case_id, decision in settled.items() if decision.written != decision.seen}
    rows = []
    with output_folder(out, overwrite=overwrite, writes="dataset.json") as folder:
        for row in source.rows:
            decision = settled.get(row.case_id)
            _take_images(subject, row, folder, labeled=decision is not None)
            if decision is not None:
                label = book.label(decision)
                _write(subject, row, label, folder)
                drawn = _classes_drawn(source, row, label)
                rows.append(row.model_copy(update={"quality": "hq", "classes_drawn": drawn}))
                continue
            path = source.label_path(row.case_id)
            if path is not None:
                copy_into(path, folder / path.parent.name)
            rows.append(row)
        for path in list_files(source.root / GIVEN, f"*{source.file_ending}"):
            if not (folder / GIVEN / path.name).exists():
                copy_into(path, folder / GIVEN)
        list_given_labels(folder, source.file_ending)
        copy_rater_labels(source, folder)
        CaseRow.write(folder, rows)
        count = len(list((folder / "imagesTr").glob(f"*_0000{source.file_ending}")))
        source.record.model_copy(update={"num_training": count}).write(folder)
        write_decisions(book, folder)
    known = {item.case_id for item in subject.queue}
    return Applied(
        out,
        tuple(sorted(settled)),
        tuple(sorted(changed)),
        tuple(sorted(name for name, decision in final.items() if decision.verdict == "flag")),
        tuple(sorted(differing)),
        tuple(sorted(stale)),
        len(known - set(final) - set(differing)),
    )


def write_decisions(book: ReviewBook, folder: Path) -> Path:
    """Write all decisions, the first one first."""
    path = folder / DECISIONS
    lines = (
        json.dumps(decision.content(), ensure_ascii=False, allow_nan=False) for decision in book.decisions()
    )
    write_text(path, "".join(f"{line}\n" for line in lines))
    return path


def _hash_now(subject: Subject, case_id: str) -> str:
    given = subject.given(case_id)
    if given is None:
        shape, _ = read_grid(subject.dataset.image_paths(case_id)[0])
        return label_hash(np.zeros(shape, np.uint8))
    return label_hash(given.array)


def _write(subject: Subject, row: CaseRow, label: LabelMap, folder: Path) -> None:
    """The label that was decided on, on the grid of the given one, and the given one beside it.

    Voxels that nobody labeled stay so, but for those in which the reviewer drew a class.
    """
    given = subject.given(row.case_id)
    if given is not None and given.known is not None:
        known = given.known | (label != subject.dataset.label_values[0])
        label = put_back(label, known, subject.dataset.ignore)
    name = f"{row.case_id}{subject.dataset.file_ending}"
    like = subject.image(row.case_id) if given is None else given
    write_label(folder / LABELS[row.split] / name, label, like)
    if given is not None:
        copy_into(given.path, folder / GIVEN)


def _classes_drawn(source: Dataset, row: CaseRow, label: LabelMap) -> str:
    """What the table says of the classes that were drawn, and those that the reviewer drew."""
    undrawn = source.undrawn(row.case_id)
    new = [source.label_names[index] for index in undrawn if (label == source.label_values[index]).any()]
    return ";".join([*(row.drawn or ()), *new]) if new else row.classes_drawn


def _take_images(subject: Subject, row: CaseRow, folder: Path, *, labeled: bool) -> None:
    """Images as they are; an unlabeled case that has got a label belongs into `imagesTr`."""
    source = subject.dataset
    for channel, path in enumerate(source.image_paths(row.case_id)):
        place = "imagesTr" if labeled and path.parent.name == "imagesUn" else path.parent.name
        link_or_copy(path, folder / place / f"{row.case_id}_{channel:04d}{source.file_ending}")
