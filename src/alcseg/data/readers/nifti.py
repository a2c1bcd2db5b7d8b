"""Plain files, NIfTI or of another of the formats, without a description, in any of these arrangements.

    images/<case>.nii.gz + labels/<case>.nii.gz    two folders beside each other, under their usual names
    <case>.nii.gz + <case>_label.nii.gz            one folder, the label told by its ending
    <case>/image.nii.gz + <case>/label.nii.gz      one folder a case
    <case>/<case>_t1.nii.gz + <case>/<case>_seg.nii.gz    the same, one file a modality, as BraTS has them

In the first two, images may have nnU-Net's names `<case>_0000`, `<case>_0001`, ..., one file a channel. A
label of the first may be called `<case>_label`; beside `imagesTr`, cases of `imagesTs` test. Classes are
named after the values found; those of files that name them, such as `<case>.seg.nrrd`, as they are there.
A table `cases.csv` with a column `case_id`, and `quality`, `split`, `group` or `classes_drawn` as far as
known, counts. Every file among images and labels is of a case, or the import is refused.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from alcseg.arrays import values_in
from alcseg.data.formats import file_stem, format_of, names_classes, read_label
from alcseg.data.formats.segments import class_values
from alcseg.data.readers.arrangements import ArrangedFiles, arranged, has_nifti
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.leftovers import settle_leftovers, unread_images
from alcseg.data.readers.raters import files_of, find_raters
from alcseg.data.unused import tell_unused
from alcseg.data.voxel_values import looks_like_image, require_not_negative, tell_of_strangers
from alcseg.errors import DataError, LabelError
from alcseg.listing import has_file, has_folder
from alcseg.records.cases import CaseRow
from alcseg.words import shorten

__all__ = ["NIfTIReader", "holds_cases"]

_log = logging.getLogger(__name__)


class NIfTIReader(Reader):
    """Image and label files paired by their names; images without label are unlabeled."""

    general = True
    takes_raters = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are NIfTI files up to two folders down, and no `dataset.json`."""
        return has_folder(source) and not has_file(source / "dataset.json") and has_nifti(source)

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """Pair the files, and open all labels to learn their values."""
        found = _arrange(source, None)
        _require_pairs(found, source)
        table = CaseRow.path(source)
        rows = {row.case_id: row for row in CaseRow.read(source)} if has_file(table) else {}
        unknown = sorted(set(rows) - set(found.images))
        if unknown:
            raise DataError(
                f"{table}: expected only cases with an image, found none for {shorten(unknown)}. "
                "Correct the table."
            )
        drawn = find_raters(source, found.images.keys(), options.raters)
        if rows and (left_out := sorted((found.labels.keys() | drawn.keys()) - rows.keys())):
            raise DataError(
                f"{table}: expected a line for each case with a label, found none for {shorten(left_out)}. "
                "Add the lines, or move the labels out."
            )
        cases = []
        for case in _cases(found, source):
            if row := rows.get(case.case_id):
                case = replace(
                    case,
                    quality=row.quality,
                    split=row.split,
                    group=row.group,
                    rater=row.rater,
                    classes_drawn=row.classes_drawn,
                )
            case = replace(case, label=found.labels.get(case.case_id), raters=drawn.get(case.case_id, {}))
            cases.append(case)
        settle_leftovers(source, cases, folders=found.folders, unread=found.unread)
        paths = [*found.labels.values(), *files_of(drawn)]
        named = _named_classes(paths)
        labels = _name_values(paths, named, options, source)
        cases = [replace(case, labels=named or None, priority=options.priority) for case in cases]
        return SourceDataset(source.resolve().name, _channel_names(found), labels, tuple(cases))

    def cases(self, source: Path, channels: int) -> tuple[SourceCase, ...]:
        """List the images alone."""
        found = _arrange(source, channels)
        cases = _cases(found, source)
        labels = [path for case_id, path in found.labels.items() if case_id in found.images]
        tell_unused(source, [path for path in unread_images(source, cases) if path not in labels])
        return tuple(replace(case, stacked=channels > 1 and len(case.images) == 1) for case in cases)


def holds_cases(source: Path) -> bool:
    """Whether NIfTI images lie in a folder in one of the arrangements."""
    return arranged(source, None) is not None


def _arrange(source: Path, channels: int | None) -> ArrangedFiles:
    found = arranged(source, channels)
    if found is None:
        raise DataError(
            f"{source}: expected images/ and labels/, <case>.nii.gz with <case>_label.nii.gz, or one "
            "folder a case with image.nii.gz and label.nii.gz or one file a modality; found none of these. "
            "Rearrange the files."
        )
    usual, _ = Counter(found.channels.values()).most_common(1)[0] if found.channels else ((), 0)
    if odd := [case_id for case_id, names in found.channels.items() if names != usual]:
        raise DataError(
            f"{source}: expected the same files in the folder of each case, {shorten(usual, 20)}, found "
            f"{shorten(found.channels[odd[0]], 20)} in {shorten(odd)}. Add what is missing or move them out."
        )
    return found


def _require_pairs(found: ArrangedFiles, source: Path) -> None:
    """Raise where a label has no image, or is in another format."""
    lonely = sorted(path for case_id, path in found.labels.items() if case_id not in found.images)
    if lonely:
        raise DataError(
            f"{source}: expected an image named like each label, found none for {shorten(lonely)}. "
            "Rename them."
        )
    others = sorted(path for path in found.labels.values() if file_stem(path) is None)
    if others:
        raise DataError(
            f"{source}: expected labels as .nii.gz, .nii, .seg.nrrd, .nrrd, .mha or .mgz, found "
            f"{shorten(others)}. "
            "Convert them, or move them out to have these cases unlabeled."
        )


def _cases(found: ArrangedFiles, source: Path) -> tuple[SourceCase, ...]:
    return tuple(
        SourceCase(
            case_id,
            images,
            split="test" if case_id in found.tests else None,
            source=images[0].relative_to(source).as_posix(),
            channels=found.channels.get(case_id, ()),
        )
        for case_id, images in found.images.items()
    )


def _channel_names(found: ArrangedFiles) -> dict[str, str]:
    count = max(len(images) for images in found.images.values())
    names = next(iter(found.channels.values()), ("image",) if count == 1 else ())
    return {str(number): name for number, name in enumerate(names or (f"image_{n}" for n in range(count)))}


def _name_values(
    paths: Iterable[Path], named: Mapping[str, int], options: ReaderOptions, source: Path
) -> dict[str, int]:
    """Names after values, `background` for 0, and the names of files; the label map counts as applied."""
    values = {options.label_map.get(value, value) for value in named.values()}
    classes = []
    for path in (path for path in paths if not names_classes(path)):
        label = read_label(path).array
        found = values_in(label)
        if looks_like_image(label):
            raise LabelError(
                f"{path}: expected a label map, found {len(found)} values ({shorten(sorted(found))}). "
                "This looks like an image: check which file is the label."
            )
        mapped = {options.label_map.get(value, value) for value in found}
        require_not_negative(mapped, path)
        classes.append(mapped - {0, options.ignore_label})
        values |= mapped
    foreground = sorted(values - {0, options.ignore_label})
    if not foreground and values:
        raise DataError(
            f"{source}: expected labels with foreground, found only empty ones. Check the label files."
        )
    tell_of_strangers(source, classes)
    names = {options.label_map.get(value, value): name for name, value in named.items()}
    return {"background": 0, **{names.get(value, f"class_{value}"): value for value in foreground or [1]}}


def _named_classes(paths: Iterable[Path]) -> dict[str, int]:
    """The classes that files name, and one value for each; nothing where none does."""
    stated = [
        known.named_values(path) for path in paths if (known := format_of(path)) and known.names_classes
    ]
    return class_values(values or {} for values in stated) if stated else {}
