"""nnU-Net v2 raw datasets, and the dataset folders of this project, which are such with a `cases.csv`.

The cases are what lies in the folders; or what `dataset.json` lists under `dataset`, from wherever it lies:

    "dataset": {"<case>": {"images": ["<file of each channel>", ...], "label": "<file>"}}

Files in another format than NIfTI, which `file_ending` states, are converted.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcseg.data.folder import Dataset
from alcseg.data.formats import format_of
from alcseg.data.nifti_file import nifti_stem
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.described import described_layout, read_description
from alcseg.data.readers.leftovers import settle_leftovers
from alcseg.data.readers.raters import files_of, find_raters
from alcseg.data.stated_count import count_fault
from alcseg.data.unused import FOLDERS, tell_unused, unused_in_dataset
from alcseg.errors import DataError
from alcseg.listing import has_file, list_files
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord

__all__ = ["NNUNetReader"]

_log = logging.getLogger(__name__)

_CHANNEL = re.compile(r"_\d{4}$")


class NNUNetReader(Reader):
    """`imagesTr/<case>_0000.nii.gz`, `labelsTr/<case>.nii.gz`, and `imagesTs labelsTs imagesUn` if there."""

    takes_raters = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether `dataset.json` stands beside `imagesTr`, or has a table of cases, and lists no pairs."""
        return described_layout(source) == "nnunet"

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases with the splits and qualities that the folder gives."""
        table = DatasetRecord.path(source)
        listed = read_description(source).get("dataset") if has_file(table) else None
        if (ending := _other_ending(source)) is not None:
            record = DatasetRecord.parse(read_description(source) | {"file_ending": ".nii.gz"}, table)
            if isinstance(listed, dict):
                cases = _listed_cases(listed, source, options)
            else:
                cases = _converted_cases(source, ending, len(record.channel_names))
        elif isinstance(listed, dict) and not has_file(CaseRow.path(source)):
            record = DatasetRecord.read(source)
            cases = _listed_cases(listed, source, options)
        else:
            folder = Dataset.open(source)
            record = folder.record
            cases = _cases_in(folder, options)
        training = sum(case.split != "test" and case.quality != "unlabeled" for case in cases)
        if fault := count_fault(record.num_training, training, table):
            _log.warning(fault)
        if regions := record.extra.get("regions"):
            _log.warning(
                "%s: regions (%s) are taken apart into one class per label value: %s",
                table,
                ", ".join(regions),
                ", ".join(f"{name} {value}" for name, value in record.labels.items()),
            )
        return SourceDataset(
            record.name, record.channel_names, record.labels, cases, record.extra, ignore=record.ignore
        )


def _cases_in(folder: Dataset, options: ReaderOptions) -> tuple[SourceCase, ...]:
    """The cases of the folders. Without a table every file there is of a case, or the import is refused."""
    drawn = has_file(CaseRow.path(folder.root))
    cases = []
    drawn_by = find_raters(folder.root, [row.case_id for row in folder.rows], options.raters)
    for row in folder.rows:
        images, label = folder.image_paths(row.case_id), folder.label_path(row.case_id)
        raters = drawn_by.get(row.case_id, {})
        if label is None and not raters and row.quality != "unlabeled":
            folder.read_label(row.case_id)  # raises, and says where it should be
        cases.append(
            SourceCase(
                row.case_id,
                images,
                label,
                quality=row.quality if drawn or row.quality == "unlabeled" else None,
                split=row.split if drawn or row.split == "test" else None,
                group=row.group,
                source=images[0].relative_to(folder.root).as_posix(),
                rater=row.rater,
                raters=raters,
                classes_drawn=row.classes_drawn,
            )
        )
    if drawn:
        known = files_of(drawn_by)
        tell_unused(folder.root, [path for path in unused_in_dataset(folder) if path not in known])
    else:
        settle_leftovers(folder.root, cases, folders=[folder.root / name for name in FOLDERS])
    return tuple(cases)


def _listed_cases(listed: Mapping[str, Any], source: Path, options: ReaderOptions) -> tuple[SourceCase, ...]:
    """The cases of the table, whose paths start at the folder, and the images of `imagesTs` as test cases."""
    cases = []
    drawn_by = find_raters(source, list(listed), options.raters)
    for case_id, entry in listed.items():
        images = entry.get("images") if isinstance(entry, dict) else None
        names = [images] if isinstance(images, str) else images
        label = entry.get("label") if isinstance(entry, dict) else None
        if (
            not isinstance(names, list)
            or not names
            or not all(isinstance(path, str) for path in (*names, label))
        ):
            raise DataError(
                f"{DatasetRecord.path(source)}: expected 'images' and 'label' for the case '{case_id}' of "
                f"'dataset', found {entry!r:.200}. Correct it."
            )
        paths = tuple(source / name for name in names)
        raters = drawn_by.get(case_id, {})
        cases.append(SourceCase(case_id, paths, source / str(label), source=names[0], raters=raters))
    tell_unused(source, list_files(source / "imagesTs"))
    return tuple(cases)


def _other_ending(source: Path) -> str | None:
    """The ending of files in a format that has to be converted, if `dataset.json` states one that is read."""
    ending = read_description(source).get("file_ending") if has_file(DatasetRecord.path(source)) else None
    if not isinstance(ending, str) or nifti_stem(Path(f"x{ending}")) is not None:
        return None
    return ending if format_of(Path(f"x{ending}")) is not None else None


def _converted_cases(source: Path, ending: str, channels: int) -> tuple[SourceCase, ...]:
    """The cases of the folders in another format; those of `imagesTs` test."""
    if has_file(table := CaseRow.path(source)):
        raise DataError(
            f"{table}: expected no such table beside {ending} files. Convert them, or move it out."
        )
    cases = []
    for images, labels in (("imagesTr", "labelsTr"), ("imagesTs", "labelsTs")):
        stems = {path.name[: -len(ending)] for path in list_files(source / images, f"*{ending}")}
        for case_id in sorted({_CHANNEL.sub("", stem) for stem in stems}):
            paths = [source / images / f"{case_id}_{index:04d}{ending}" for index in range(channels)]
            if absent := [path for path in paths if not has_file(path)]:
                raise DataError(
                    f"{absent[0]}: expected {channels} image file(s) of case '{case_id}', one per channel, "
                    "found no such file. Add it, or move the others out."
                )
            label = source / labels / f"{case_id}{ending}"
            if images == "imagesTr" and not has_file(label):
                raise DataError(f"{label}: expected the label of '{case_id}', found none. Add it.")
            test = images == "imagesTs"
            cases.append(
                SourceCase(
                    case_id,
                    tuple(paths),
                    label if has_file(label) else None,
                    split="test" if test else None,
                    source=f"{images}/{paths[0].name}",
                )
            )
    settle_leftovers(source, cases, folders=[source / name for name in FOLDERS])
    return tuple(cases)
