"""Plain NIfTI files without a description, in any of three arrangements.

    images/<case>.nii.gz + labels/<case>.nii.gz    two folders beside each other, under their usual names
    <case>.nii.gz + <case>_label.nii.gz            one folder, the label told by its ending
    <case>/image.nii.gz + <case>/label.nii.gz      one folder a case

A label of the first arrangement may also be called `<case>_label`. Classes are named after the values found.
A table `cases.csv` with a column `case_id`, and `quality`, `split` or `group` as far as known, counts.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from alcseg.data.nifti import nifti_stem, read_label, require_not_negative
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.errors import DataError, LabelError
from alcseg.records.cases import CaseRow
from alcseg.words import shorten

__all__ = ["NIfTIReader"]

_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagesTr", "volumes", "scans")
_LABEL_FOLDERS = ("labels", "label", "masks", "mask", "segs", "segmentations", "labelsTr", "annotations")
_LABEL_ENDING = re.compile(r"[_\-. ](label|labels|mask|seg|segmentation|gt)$", re.IGNORECASE)
_IMAGE_NAMES = ("image", "img", "volume", "scan", "mri", "ct")
_LABEL_NAMES = ("label", "labels", "mask", "seg", "segmentation", "gt")
_MANY_VALUES = 50


class NIfTIReader(Reader):
    """Image and label files paired by their names; images without label are unlabeled."""

    general = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are NIfTI files up to one folder down, and no `dataset.json`."""
        if not source.is_dir() or (source / "dataset.json").exists():
            return False
        return any(
            _files(folder) for folder in (source, *(child for child in source.iterdir() if child.is_dir()))
        )

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """Pair the files, and open all labels to learn their values."""
        pairs = _two_folders(source) or _one_folder(source) or _folder_per_case(source)
        if not pairs:
            raise DataError(
                f"{source}: expected images/ and labels/, <case>.nii.gz with <case>_label.nii.gz, or one "
                "folder a case with image.nii.gz and label.nii.gz; found none of these. Rearrange the files."
            )
        table = CaseRow.path(source)
        rows = {row.case_id: row for row in CaseRow.read(source)} if table.is_file() else {}
        unknown = sorted(set(rows) - {case_id for case_id, _, _ in pairs})
        if unknown:
            raise DataError(
                f"{table}: expected only cases with an image, found none for {shorten(unknown)}. "
                "Correct the table."
            )
        cases = []
        for case_id, image, label in pairs:
            row = rows.get(case_id)
            cases.append(
                SourceCase(
                    case_id,
                    (image,),
                    label,
                    quality=row.quality if row else None,
                    split=row.split if row else None,
                    group=row.group if row else None,
                    source=image.relative_to(source).as_posix(),
                )
            )
        labels = _name_values((case.label for case in cases if case.label), options, source)
        return SourceDataset(source.resolve().name, {"0": "image"}, labels, tuple(cases))


def _files(folder: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        stem = nifti_stem(path)
        if stem is not None and path.is_file() and not path.name.startswith("."):
            found[stem] = path
    return found


def _two_folders(source: Path) -> list[tuple[str, Path, Path | None]]:
    images = next((files for name in _IMAGE_FOLDERS if (files := _files(source / name))), {})
    labels = next((files for name in _LABEL_FOLDERS if (files := _files(source / name))), {})
    by_case = {_case_of(stem): path for stem, path in labels.items()}
    by_case |= labels
    pairs = [(stem, path, by_case.pop(stem, None)) for stem, path in images.items()]
    used = {label for _, _, label in pairs}
    lonely = sorted(path.name for path in labels.values() if path not in used)
    if images and lonely:
        raise DataError(
            f"{source}: expected an image named like each label, found none for {shorten(lonely)}. "
            "Rename them."
        )
    return pairs


def _one_folder(source: Path) -> list[tuple[str, Path, Path | None]]:
    files = _files(source)
    labels = {_case_of(stem): path for stem, path in files.items() if _LABEL_ENDING.search(stem)}
    return [(stem, path, labels.get(stem)) for stem, path in files.items() if not _LABEL_ENDING.search(stem)]


def _folder_per_case(source: Path) -> list[tuple[str, Path, Path | None]]:
    pairs = []
    for folder in sorted(child for child in source.iterdir() if child.is_dir()):
        files = {stem.lower(): path for stem, path in _files(folder).items()}
        image = next((files[name] for name in _IMAGE_NAMES if name in files), None)
        label = next((files[name] for name in _LABEL_NAMES if name in files), None)
        if image is not None:
            pairs.append((folder.name, image, label))
    return pairs


def _case_of(stem: str) -> str:
    return _LABEL_ENDING.sub("", stem)


def _name_values(paths: Iterable[Path], options: ReaderOptions, source: Path) -> dict[str, int]:
    """Names after values, `background` for 0; the label map counts as applied."""
    values: set[int] = set()
    for path in paths:
        found = {int(value) for value in np.unique(read_label(path).array)}
        if len(found) > _MANY_VALUES:
            raise LabelError(
                f"{path}: expected a label map, found {len(found)} values ({shorten(sorted(found))}). "
                "This looks like an image: check which file is the label."
            )
        values |= {options.label_map.get(value, value) for value in found}
        require_not_negative(values, path)
    foreground = sorted(values - {0})
    if not foreground and values:
        raise DataError(
            f"{source}: expected labels with foreground, found only empty ones. Check the label files."
        )
    return {"background": 0, **{f"class_{value}": value for value in foreground or [1]}}
