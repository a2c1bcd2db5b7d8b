"""To other programs and back: `.seg.nrrd` files for 3D Slicer, and labels that were mended elsewhere.

Written are two layers on the label's own grid: the classes, and where the given and the decided label agree,
where only the given one has foreground (`over`), and where only the decided one has (`under`).
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alcseg.arrays import label_hash
from alcseg.data.case import Volume
from alcseg.data.formats import read_label, volume_stem
from alcseg.data.formats.colors import class_colors
from alcseg.data.formats.output import LabelOutput
from alcseg.data.formats.seg_nrrd import Painted, write_layers
from alcseg.data.grids import require_same_grid
from alcseg.data.incomplete import take_out
from alcseg.data.named_values import require_named_values
from alcseg.errors import AlcsegError, DataError
from alcseg.listing import list_files
from alcseg.outputs import output_folder
from alcseg.records.decisions import ReadingKey
from alcseg.records.review_book import ReviewBook
from alcseg.reviewing.agreement import final_decisions, settled_labels
from alcseg.reviewing.reviewed_dataset import DECISIONS, write_decisions
from alcseg.reviewing.subject import Subject
from alcseg.types import LabelMap
from alcseg.words import shorten

__all__ = ["Exported", "Imported", "export_review", "import_labels"]

_COMPARED = (("agreement", (0.4, 0.8, 0.4)), ("over", (0.9, 0.2, 0.2)), ("under", (0.2, 0.4, 0.9)))


@dataclass(frozen=True)
class Exported:
    """What was written for other programs.

    Attributes:
        out: The folder.
        cases: One `.seg.nrrd` each.
    """

    out: Path
    cases: tuple[str, ...]

    def __fspath__(self) -> str:
        return str(self.out)


@dataclass(frozen=True)
class Imported:
    """What was taken in.

    Attributes:
        folder: Where it came from.
        reader: Under whose name.
        cases: Those that are decided now.
        failed: Message of each file that was refused.
    """

    folder: Path
    reader: str
    cases: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)


def export_review(
    subject: Subject,
    book: ReviewBook,
    out: Path,
    *,
    as_format: str = "seg.nrrd",
    series: Path | None = None,
    labelmap: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write decided labels, as `.seg.nrrd` with how they differ from the given ones, and `decisions.jsonl`.

    Args:
        subject: What is reviewed.
        book: With the decisions.
        out: The folder.
        as_format: Of `alcseg.data.formats.output.OUTPUTS`.
        series: With `dicom-seg`, folder with the DICOM series of each case, called like it.
        labelmap: With `dicom-seg`, write the type LABELMAP instead of BINARY.
        overwrite: Replace what the folder holds.

    Raises:
        DataError: If nothing was decided.
        ResourceError: If pynrrd is not installed.
        UsageError: If `out` holds something.
    """
    final, _ = final_decisions(book.standing())
    settled = settled_labels(final, book.path)
    images = {case_id: subject.image(case_id).path for case_id in settled}
    written = LabelOutput.of(as_format, subject.dataset.labels, images, series=series, labelmap=labelmap)
    with output_folder(out, overwrite=overwrite, writes=DECISIONS) as folder:
        for case_id, decision in settled.items():
            given, label = subject.given(case_id), book.label(decision)
            if written.name == "seg.nrrd":
                _write_segmentation(folder / written.file_name(case_id), subject, case_id, label, given)
            else:
                written.write(folder, case_id, label, given or subject.image(case_id))
        written.finish(folder)
        write_decisions(book, folder)
    return Exported(out, tuple(settled))


def _write_segmentation(
    path: Path, subject: Subject, case_id: str, label: LabelMap, given: Volume | None
) -> None:
    like = subject.image(case_id) if given is None else given
    background = subject.dataset.label_values[0]
    before = (given.array if given is not None else np.full(label.shape, background)) != background
    after = label != background
    compared = np.select([before & after, before, after], [1, 2, 3])
    labels = subject.dataset.labels
    segments = [Painted(name, 0, labels[name], color) for name, color in class_colors(labels).items()]
    segments += [Painted(name, 1, index, color) for index, (name, color) in enumerate(_COMPARED, start=1)]
    write_layers(path, [label, compared], segments, like)


def import_labels(subject: Subject, book: ReviewBook, folder: Path, reader: str, number: int = 1) -> Imported:
    """Take labels that were mended elsewhere as decisions of a reader.

    Args:
        subject: What is reviewed.
        book: Where the decisions go.
        folder: Files named after cases, of any format that holds labels, on the grids of the images.
        reader: Under whose name.
        number: Of the reader's pass.

    Raises:
        DataError: If the folder is not there or names no case.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of label maps, found none. Check the path.")
    known = {item.case_id for item in subject.queue}
    files: dict[str, Path] = {}
    for path in list_files(folder):
        if (name := volume_stem(path)) is None:
            continue
        if name in files:
            raise DataError(
                f"{folder}: expected one file per case, found {files[name].name} and {path.name}. Remove one."
            )
        files[name] = path
    unknown = [name for name in files if name not in known]
    if unknown or not files:
        raise DataError(
            f"{folder}: expected files named after the cases of {subject.dataset.root}, found "
            f"{shorten(unknown) or 'none'}. Rename or remove them."
        )
    taken, failed = [], {}
    for case_id, path in files.items():
        try:
            _take(subject, book, path, ReadingKey(case_id, reader, number))
        except AlcsegError as error:
            failed[case_id] = str(error)
        else:
            taken.append(case_id)
    return Imported(folder, reader, tuple(taken), failed)


def _take(subject: Subject, book: ReviewBook, path: Path, key: ReadingKey) -> None:
    image = subject.image(key.case_id)
    label = read_label(path, subject.dataset.labels, image, every=True)
    label = take_out(label, subject.dataset.ignore, subject.dataset.label_values[0])
    require_named_values(label, subject.dataset.labels)
    require_same_grid(image, label, key.case_id)
    given = subject.given(key.case_id)
    before: LabelMap = np.zeros(label.shape, np.uint8) if given is None else given.array
    same = bool(np.array_equal(before, label.array))
    reading = book.reading(key)
    book.decide(reading, "keep" if same else "edit", seen=label_hash(before), label=label.array)
