"""How plain files may lie: which of them are the images of a case, which its label, and what is left.

An arrangement opens no file. Images without numbers or modalities in their names are cases of one channel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alcseg.data.formats import file_stem, names_classes
from alcseg.data.readers.names import (
    IMAGE_FOLDERS,
    IMAGE_NAMES,
    LABEL_FOLDERS,
    LABEL_NAMES,
    case_of,
    ends_like_label,
    is_volume,
    possible_stems,
    stem_of,
)
from alcseg.data.readers.numbered import group_channels
from alcseg.data.readers.raters import is_rater_file
from alcseg.listing import by_name, list_files, list_folders

__all__ = ["ArrangedFiles", "arranged", "has_nifti"]

_MODALITIES = frozenset({
    "adc", "ce", "ct", "dwi", "flair", "mra", "pd", "pet", "swi", "t1", "t1c", "t1ce", "t1gd", "t1n", "t1w",
    "t2", "t2f", "t2w",
})  # fmt: skip
"""Names of files in the folder of a case that need not begin with its name."""


@dataclass(frozen=True)
class ArrangedFiles:
    """What one arrangement holds.

    Attributes:
        images: Files of each case, one per channel.
        labels: Label of each case, in whatever format; of cases without an image, too.
        unread: Images and labels in a format or under a name that is not read.
        folders: Those in which each file has to be of a case.
        tests: Cases from a folder of test images.
        channels: Names of the channels of each case, as far as the files tell them.
    """

    images: dict[str, tuple[Path, ...]]
    labels: dict[str, Path]
    unread: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    tests: frozenset[str] = frozenset()
    channels: dict[str, tuple[str, ...]] = field(default_factory=dict)


def arranged(source: Path, channels: int | None) -> ArrangedFiles | None:
    """The files of a folder in the arrangement that it has; None if there is none.

    Folders of images and of labels come first; else files side by side, or folders of cases if they are more.

    Args:
        source: The folder.
        channels: As in `group_channels`.

    Raises:
        DataError: If two files give one name, or an entry cannot be opened.
    """
    found = _two_folders(source, channels)
    if not found.images:
        flat, by_case = _one_folder(source, channels), _folder_per_case(source)
        by_case = by_case if by_case.images else _modalities_per_case(source)
        found = max(flat, by_case, key=lambda files: len(files.images))
    return found if found.images else None


def has_nifti(source: Path) -> bool:
    """Whether NIfTI files lie in a folder or up to two folders down."""
    return any(_volume_files(folder) for folder in (source, *list_folders(source, below=1)))


def _two_folders(source: Path, channels: int | None) -> ArrangedFiles:
    """`images/` and `labels/` under their usual names; beside `imagesTr/`, test images in `imagesTs/`."""
    image_folders, label_folders = _named(source, IMAGE_FOLDERS), _named(source, LABEL_FOLDERS)
    holding = [folder for folder in image_folders if _volume_files(folder)]
    images = [path for folder in holding[:1] for path in _volume_files(folder) if not names_classes(path)]
    labels = _labels_in(label_folders)
    tests: list[Path] = []
    if not holding or holding[0].name.lower() == "imagestr":
        test_images, test_labels = _named(source, ["imagesTs"]), _named(source, ["labelsTs"])
        tests = [path for folder in test_images for path in _volume_files(folder)]
        labels += _labels_in(test_labels)
        holding, label_folders = [*holding, *test_images], [*label_folders, *test_labels]
    others = [path for folder in label_folders for path in _other_files(folder)]
    found = _pair([*images, *tests], labels, others, channels)
    return ArrangedFiles(
        found.images,
        found.labels,
        folders=(*holding, *label_folders),
        tests=frozenset(case_id for case_id, paths in found.images.items() if paths[0] in tests),
    )


def _one_folder(source: Path, channels: int | None) -> ArrangedFiles:
    """`<case>.nii.gz` with `<case>_label.nii.gz` beside it, or with its label in a folder of labels."""
    files, label_folders = _volume_files(source), _named(source, LABEL_FOLDERS)
    labels = [path for path in files if _is_label(path)]
    others = [path for path in _other_files(source) if any(map(ends_like_label, possible_stems(path)))]
    others += [path for folder in label_folders for path in _other_files(folder)]
    images = [path for path in files if path not in labels]
    found = _pair(images, [*labels, *_labels_in(label_folders)], others, channels)
    unread = [path for path in _other_files(source) if is_volume(path) and path not in found.labels.values()]
    return ArrangedFiles(
        found.images,
        found.labels,
        unread=tuple(unread),
        folders=tuple(label_folders),
    )


def _pair(
    images: Iterable[Path], labels: Iterable[Path], others: Iterable[Path], channels: int | None
) -> ArrangedFiles:
    """Pair by names; `others` are no NIfTI files, and labels if a case without label has their name."""
    named = by_name((stem_of(path), path) for path in labels)
    stems = by_name((stem_of(path), path) for path in images)
    cases = group_channels(stems, channels, {*named, *map(case_of, named)})
    by_case = by_name((stem if stem in cases else case_of(stem), path) for stem, path in named.items())
    for path in others:
        for case_id in {
            name for stem in possible_stems(path) for name in (stem, case_of(stem))
        } & cases.keys():
            by_case.setdefault(case_id, path)
    return ArrangedFiles(cases, by_case)


def _folder_per_case(source: Path) -> ArrangedFiles:
    """`<case>/image.nii.gz` and `<case>/label.nii.gz`, one channel."""
    images: dict[str, tuple[Path, ...]] = {}
    labels: dict[str, Path] = {}
    unread: list[Path] = []
    label_folders = _named(source, LABEL_FOLDERS)
    for folder in list_folders(source):
        if folder in label_folders:
            continue
        files, others = _volume_files(folder), _other_files(folder)
        named = [(stem_of(path), path) for path in files]
        stems = [(stem, path) for path in others for stem in possible_stems(path)]
        image, label = _first(named, IMAGE_NAMES), _first(named, LABEL_NAMES) or _first(stems, LABEL_NAMES)
        if image is not None and len({stem_of(path).lower() for path in files} & _MODALITIES) > 1:
            image = image if stem_of(image).lower() not in _MODALITIES else None  # one modality of several
        other = _first(stems, IMAGE_NAMES) if image is None else None
        if image is not None:
            images[folder.name] = (image,)
        if label is not None and other is None:
            labels[folder.name] = label
        unread += [] if other is None else [other]
    return ArrangedFiles(images, labels, unread=tuple(unread), folders=tuple(label_folders))


def _modalities_per_case(source: Path) -> ArrangedFiles:
    """`<case>/<case>_t1.nii.gz` and `<case>/<case>_seg.nii.gz`, as BraTS has them, up to two folders down."""
    files: dict[str, dict[str, Path]] = {}
    folders: list[tuple[str, Path]] = []
    labels: dict[str, Path] = {}
    unread: list[Path] = []
    label_folders = _named(source, LABEL_FOLDERS)
    for folder in list_folders(source, below=1):
        if folder in label_folders:
            continue
        names = {
            path: None if names_classes(path) else _modality(stem_of(path), folder.name)
            for path in _volume_files(folder)
        }
        named = by_name((name, path) for path, name in names.items() if name is not None)
        label = next((named.pop(name) for name in LABEL_NAMES if name in named), None)
        beside = [path for path, name in names.items() if name is None]
        if label is None and len(told := [path for path in beside if _is_label(path)]) == 1:
            label = told[0]  # of another name than the folder, as one of BraTS 2020 is
            beside.remove(label)
        beside += filter(is_volume, _other_files(folder))
        if not named or (label is None and not named.keys() <= _MODALITIES | {"image"}):
            continue
        folders.append((folder.name, folder))
        files[folder.name] = dict(sorted(named.items()))
        if label is not None:
            labels[folder.name] = label
        unread += beside
    by_name(folders)
    return ArrangedFiles(
        {case_id: tuple(named.values()) for case_id, named in files.items()},
        labels,
        unread=tuple(unread),
        folders=tuple(label_folders),
        channels={case_id: tuple(named) for case_id, named in files.items()},
    )


def _modality(stem: str, folder: str) -> str | None:
    """What a file in the folder of a case holds by its name, in lower case; None if the name does not say."""
    lower, start = stem.lower(), folder.lower()
    if lower == start:
        return "image"
    if lower.startswith((f"{start}_", f"{start}-", f"{start}.")):
        return lower[len(start) + 1 :]
    return lower if lower in _MODALITIES or lower in LABEL_NAMES else None


def _named(source: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names in their order, whatever the case of their letters."""
    there = by_name((folder.name.lower(), folder) for folder in list_folders(source))
    return [there[name.lower()] for name in names if name.lower() in there]


def _labels_in(folders: Sequence[Path]) -> list[Path]:
    """The files of the first folder that has some; those of others are in none of the arrangements."""
    return next((files for folder in folders if (files := _volume_files(folder))), [])


def _first(files: Iterable[tuple[str, Path]], names: Sequence[str]) -> Path | None:
    """The file that has the first of the names."""
    found = by_name((stem.lower(), path) for stem, path in files if stem.lower() in names)
    return next((found[name] for name in names if name in found), None)


def _is_label(path: Path) -> bool:
    return names_classes(path) or ends_like_label(stem_of(path))


def _volume_files(folder: Path) -> list[Path]:
    """Images and labels, without those of single readers that `raters.py` looks for."""
    stems = ((path, file_stem(path)) for path in list_files(folder))
    return [path for path, stem in stems if stem is not None and not is_rater_file(stem)]


def _other_files(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if file_stem(path) is None]
