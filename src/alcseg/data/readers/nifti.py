"""Plain NIfTI files without a description, in any of three arrangements.

    images/<case>.nii.gz + labels/<case>.nii.gz    two folders beside each other, under their usual names
    <case>.nii.gz + <case>_label.nii.gz            one folder, the label told by its ending
    <case>/image.nii.gz + <case>/label.nii.gz      one folder a case

In the first two, images may have nnU-Net's names `<case>_0000`, `<case>_0001`, ..., one file a channel. A
label of the first may be called `<case>_label`. Classes are named after the values found. A table `cases.csv`
with a column `case_id`, and `quality`, `split` or `group` as far as known, counts.
"""

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alcseg.data.nifti import nifti_stem, read_label
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.voxel_values import looks_like_image, require_not_negative
from alcseg.errors import DataError, LabelError
from alcseg.listing import by_name, has_file, has_folder, list_files, list_folders
from alcseg.records.cases import CaseRow
from alcseg.words import shorten

__all__ = ["CHANNEL", "NIfTIReader", "group_channels", "holds_cases"]

_log = logging.getLogger(__name__)

CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
"""What nnU-Net calls the file of one channel, without its ending."""

_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagesTr", "volumes", "scans")
_LABEL_FOLDERS = ("labels", "label", "masks", "mask", "segs", "segmentations", "labelsTr", "annotations")
_LABEL_ENDING = re.compile(r"[_\-. ](label|labels|mask|seg|segmentation|gt)$", re.IGNORECASE)
_IMAGE_NAMES = ("image", "img", "volume", "scan", "mri", "ct")
_LABEL_NAMES = ("label", "labels", "mask", "seg", "segmentation", "gt")


class NIfTIReader(Reader):
    """Image and label files paired by their names; images without label are unlabeled."""

    general = True

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are NIfTI files up to one folder down, and no `dataset.json`."""
        if not has_folder(source) or has_file(source / "dataset.json"):
            return False
        return any(_nifti_files(folder) for folder in (source, *list_folders(source)))

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
        cases = []
        for case in _cases(found, source):
            if row := rows.get(case.case_id):
                case = replace(case, quality=row.quality, split=row.split, group=row.group)
            cases.append(replace(case, label=found.labels.get(case.case_id)))
        channels = max(len(case.images) for case in cases)
        names = {"0": "image"} if channels == 1 else {str(n): f"image_{n}" for n in range(channels)}
        labels = _name_values(found.labels.values(), options, source)
        return SourceDataset(source.resolve().name, names, labels, tuple(cases))

    def cases(self, source: Path, channels: int) -> tuple[SourceCase, ...]:
        """List the images alone."""
        return _cases(_arrange(source, channels), source)


def holds_cases(source: Path) -> bool:
    """Whether NIfTI images lie in a folder in one of the arrangements."""
    return _arranged(source, None) is not None


def group_channels(
    files: Mapping[str, Path], channels: int | None, labels: Collection[str] = ()
) -> dict[str, tuple[Path, ...]]:
    """Put the channels of a case together that nnU-Net's names tell; other files are cases of their own.

    Args:
        files: Images by their names without ending.
        channels: How many there are; None to tell it from the names. Numbers that go beyond count scans: with
            one channel, `scan_0000` and `scan_0007` are two cases of these names.
        labels: Names of the labels, as far as they are known. Numbers that they bear, too, count scans.

    Raises:
        DataError: If two files give one name.
    """
    numbered: dict[str, dict[int, Path]] = {}
    for stem, path in files.items():
        if match := CHANNEL.fullmatch(stem):
            numbered.setdefault(match["case"], {})[int(match["channel"])] = path
    if any(stem in labels for stem in files if CHANNEL.fullmatch(stem)):
        channels = 0
    most = _count_channels(numbered, labels) if channels is None else channels
    cases = []
    for stem, path in files.items():
        match = CHANNEL.fullmatch(stem)
        parts = numbered[match["case"]] if match else {}
        if match and max(parts) < most:
            cases.append((match["case"], tuple(parts[number] for number in sorted(parts))))
        else:
            cases.append((stem, (path,)))
    by_name((case_id, paths[0]) for case_id, paths in cases)
    return dict(cases)


def _count_channels(numbered: Mapping[str, Mapping[int, Path]], labels: Collection[str]) -> int:
    """How many channels a case seems to have; 0 where numbers are a part of the names."""
    if any(case in labels for case in numbered):
        return 1 + max(max(parts) for parts in numbered.values())
    numbers = {tuple(sorted(parts)) for parts in numbered.values()}
    alike = numbers.pop() if len(numbers) == 1 else ()
    # More numbers than names are rather scans that were counted than channels.
    return len(alike) if alike == tuple(range(len(alike))) and len(alike) <= len(numbered) else 0


@dataclass(frozen=True)
class _Files:
    """What one arrangement holds.

    Attributes:
        images: Files of each case, one per channel.
        labels: Label of each case, in whatever format; of cases without an image, too.
        left_out: What lies beside.
    """

    images: dict[str, tuple[Path, ...]]
    labels: dict[str, Path]
    left_out: tuple[Path, ...]


def _arranged(source: Path, channels: int | None) -> _Files | None:
    found = (arrange(source, channels) for arrange in (_two_folders, _one_folder, _folder_per_case))
    return next((files for files in found if files.images), None)


def _arrange(source: Path, channels: int | None) -> _Files:
    found = _arranged(source, channels)
    if found is None:
        raise DataError(
            f"{source}: expected images/ and labels/, <case>.nii.gz with <case>_label.nii.gz, or one "
            "folder a case with image.nii.gz and label.nii.gz; found none of these. Rearrange the files."
        )
    return found


def _two_folders(source: Path, channels: int | None) -> _Files:
    images = next((files for name in _IMAGE_FOLDERS if (files := _nifti_files(source / name))), [])
    labels = next((files for name in _LABEL_FOLDERS if (files := _nifti_files(source / name))), [])
    others = [path for name in _LABEL_FOLDERS for path in _other_files(source / name)]
    return _pair(images, labels, others, channels, left_out=_nifti_files(source))


def _one_folder(source: Path, channels: int | None) -> _Files:
    files = _nifti_files(source)
    labels = [path for path in files if _LABEL_ENDING.search(_stem(path))]
    others = [path for path in _other_files(source) if any(map(_LABEL_ENDING.search, _stems(path)))]
    return _pair([path for path in files if path not in labels], labels, others, channels)


def _pair(
    images: Iterable[Path],
    labels: Iterable[Path],
    others: Iterable[Path],
    channels: int | None,
    left_out: Iterable[Path] = (),
) -> _Files:
    """Pair by names; `others` are no NIfTI files, and labels if a case without label has their name."""
    named = by_name((_stem(path), path) for path in labels)
    stems = by_name((_stem(path), path) for path in images)
    cases = group_channels(stems, channels, {*named, *map(_case_of, named)})
    by_case = by_name((stem if stem in cases else _case_of(stem), path) for stem, path in named.items())
    for path in others:
        for case_id in {name for stem in _stems(path) for name in (stem, _case_of(stem))} & cases.keys():
            by_case.setdefault(case_id, path)
    return _Files(cases, by_case, tuple(left_out))


def _folder_per_case(source: Path, channels: int | None) -> _Files:
    images: dict[str, tuple[Path, ...]] = {}
    labels: dict[str, Path] = {}
    left_out: list[Path] = []
    for folder in list_folders(source):
        files = _nifti_files(folder)
        named = [(_stem(path), path) for path in files]
        others = [(stem, path) for path in _other_files(folder) for stem in _stems(path)]
        image = _first(named, _IMAGE_NAMES)
        label = _first(named, _LABEL_NAMES) or _first(others, _LABEL_NAMES)
        if image is not None:
            images[folder.name] = (image,)
            files = [path for path in files if path not in (image, label)]
            if label is not None:
                labels[folder.name] = label
        left_out += files
    return _Files(images, labels, tuple(left_out))


def _first(files: Iterable[tuple[str, Path]], names: Sequence[str]) -> Path | None:
    """The file that has the first of the names."""
    found = by_name((stem.lower(), path) for stem, path in files if stem.lower() in names)
    return next((found[name] for name in names if name in found), None)


def _require_pairs(found: _Files, source: Path) -> None:
    """Raise where a label has no image or cannot be read."""
    lonely = sorted(path.name for case_id, path in found.labels.items() if case_id not in found.images)
    if lonely:
        raise DataError(
            f"{source}: expected an image named like each label, found none for {shorten(lonely)}. "
            "Rename them."
        )
    others = sorted(path for path in found.labels.values() if nifti_stem(path) is None)
    if others:
        raise DataError(
            f"{source}: expected labels as NIfTI files (.nii or .nii.gz), found {shorten(others)}. "
            "Convert them, or move them out to have these cases unlabeled."
        )


def _cases(found: _Files, source: Path) -> tuple[SourceCase, ...]:
    """The images as cases, and a word on what is left out."""
    lonely = (path for case_id, path in found.labels.items() if case_id not in found.images)
    if left_out := [*found.left_out, *lonely]:
        _log.warning("%s: NIfTI files that belong to no case are left out: %s", source, shorten(left_out))
    return tuple(
        SourceCase(case_id, images, source=images[0].relative_to(source).as_posix())
        for case_id, images in found.images.items()
    )


def _nifti_files(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if nifti_stem(path) is not None]


def _other_files(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if nifti_stem(path) is None]


def _stem(path: Path) -> str:
    return nifti_stem(path) or path.name


def _stems(path: Path) -> list[str]:
    """Whatever a file name may be without its ending, since `.seg.nrrd` is one, too."""
    return [path.name[:end] for end, sign in enumerate(path.name) if sign == "."]


def _case_of(stem: str) -> str:
    return _LABEL_ENDING.sub("", stem)


def _name_values(paths: Iterable[Path], options: ReaderOptions, source: Path) -> dict[str, int]:
    """Names after values, `background` for 0; the label map counts as applied."""
    values: set[int] = set()
    for path in paths:
        label = read_label(path).array
        found = {int(value) for value in np.unique(label)}
        if looks_like_image(label):
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
