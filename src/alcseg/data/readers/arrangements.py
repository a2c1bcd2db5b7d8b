"""How plain NIfTI files may lie: which of them are the images of a case, which its label, and what is left.

An arrangement opens no file. Images without numbers or modalities in their names are cases of one channel.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alcseg.data.nifti import nifti_stem
from alcseg.data.readers.numbered import group_channels
from alcseg.listing import by_name, list_files, list_folders

__all__ = ["ArrangedFiles", "arranged", "has_nifti", "is_image_file", "is_named_like_label"]

_IMAGE_FOLDERS = ("images", "image", "imgs", "img", "imagesTr", "volumes", "scans")
_LABEL_FOLDERS = (
    "labels", "label", "masks", "mask", "segs", "seg", "segmentations", "labelsTr", "annotations", "gt",
    "groundtruth", "ground_truth",
)  # fmt: skip
_TEST_FOLDERS = ("imagesTs", "labelsTs")
_LABEL_ENDING = re.compile(r"[_\-. ](label|labels|mask|seg|segmentation|gt)$", re.IGNORECASE)
_IMAGE_NAMES = ("image", "img", "volume", "scan", "mri", "ct")
_LABEL_NAMES = ("label", "labels", "mask", "seg", "segmentation", "gt")
_MODALITIES = frozenset({
    "adc", "ce", "ct", "dwi", "flair", "mra", "pd", "pet", "swi", "t1", "t1c", "t1ce", "t1gd", "t1n", "t1w",
    "t2", "t2f", "t2w",
})  # fmt: skip
"""Names of files in the folder of a case that need not begin with its name."""
_OTHER_FORMATS = frozenset({
    ".dcm", ".gipl", ".h5", ".hdr", ".ima", ".img", ".mat", ".mgh", ".mgz", ".mha", ".mhd", ".mnc", ".nhdr",
    ".npy", ".npz", ".nrrd", ".tif", ".tiff", ".vtk",
})  # fmt: skip


@dataclass(frozen=True)
class ArrangedFiles:
    """What one arrangement holds.

    Attributes:
        images: Files of each case, one per channel.
        labels: Label of each case, in whatever format; of cases without an image, too.
        left_out: What lies beside.
        unread: Images in a format or under a name that is not read.
        folders: Those in which each file has to be of a case.
        tests: Cases from a folder of test images.
        channels: Names of the channels of each case, as far as the files tell them.
    """

    images: dict[str, tuple[Path, ...]]
    labels: dict[str, Path]
    left_out: tuple[Path, ...] = ()
    unread: tuple[Path, ...] = ()
    folders: tuple[Path, ...] = ()
    tests: frozenset[str] = frozenset()
    channels: dict[str, tuple[str, ...]] = field(default_factory=dict)


def arranged(source: Path, channels: int | None) -> ArrangedFiles | None:
    """The files of a folder in the first arrangement that has images; None if there is none.

    Args:
        source: The folder.
        channels: As in `group_channels`.

    Raises:
        DataError: If two files give one name, or an entry cannot be opened.
    """
    arrangements = (_two_folders, _one_folder, _folder_per_case, _modalities_per_case)
    found = (arrange(source, channels) for arrange in arrangements)
    return next((files for files in found if files.images), None)


def has_nifti(source: Path) -> bool:
    """Whether NIfTI files lie in a folder or up to two folders down."""
    return any(_nifti_files(folder) for folder in (source, *list_folders(source, below=1)))


def _two_folders(source: Path, channels: int | None) -> ArrangedFiles:
    """`images/` and `labels/` under their usual names; beside `imagesTr/`, test images in `imagesTs/`."""
    image_folders, label_folders = _named(source, _IMAGE_FOLDERS), _named(source, _LABEL_FOLDERS)
    holding = [folder for folder in image_folders if _nifti_files(folder)]
    images = [path for folder in holding[:1] for path in _nifti_files(folder)]
    labels = _labels_in(label_folders)
    tests: list[Path] = []
    if not holding or holding[0].name.lower() == "imagestr":
        test_images, test_labels = _named(source, ["imagesTs"]), _named(source, ["labelsTs"])
        tests = [path for folder in test_images for path in _nifti_files(folder)]
        labels += _labels_in(test_labels)
        holding, label_folders = [*holding, *test_images], [*label_folders, *test_labels]
    others = [path for folder in label_folders for path in _other_files(folder)]
    rest = [
        folder for folder in list_folders(source) if folder not in (*image_folders, *holding, *label_folders)
    ]
    elsewhere = [path for folder in image_folders if folder not in holding for path in list_files(folder)]
    found = _pair([*images, *tests], labels, others, channels)
    return ArrangedFiles(
        found.images,
        found.labels,
        left_out=(*_nifti_files(source), *_of_other_names(rest, found), *elsewhere),
        unread=_of_names(rest, found),
        folders=(*holding, *label_folders),
        tests=frozenset(case_id for case_id, paths in found.images.items() if paths[0] in tests),
    )


def _one_folder(source: Path, channels: int | None) -> ArrangedFiles:
    """`<case>.nii.gz` with `<case>_label.nii.gz` beside it, or with its label in a folder of labels."""
    files, label_folders = _nifti_files(source), _named(source, _LABEL_FOLDERS)
    labels = [path for path in files if _LABEL_ENDING.search(_stem(path))]
    others = [path for path in _other_files(source) if any(map(_LABEL_ENDING.search, _stems(path)))]
    others += [path for folder in label_folders for path in _other_files(folder)]
    images = [path for path in files if path not in labels]
    found = _pair(images, [*labels, *_labels_in(label_folders)], others, channels)
    rest = [folder for folder in list_folders(source) if folder not in label_folders]
    unread = [path for path in _other_files(source) if _is_volume(path) and path not in found.labels.values()]
    return ArrangedFiles(
        found.images,
        found.labels,
        left_out=_of_other_names(rest, found),
        unread=(*unread, *_of_names(rest, found)),
        folders=tuple(label_folders),
    )


def _pair(
    images: Iterable[Path], labels: Iterable[Path], others: Iterable[Path], channels: int | None
) -> ArrangedFiles:
    """Pair by names; `others` are no NIfTI files, and labels if a case without label has their name."""
    named = by_name((_stem(path), path) for path in labels)
    stems = by_name((_stem(path), path) for path in images)
    cases = group_channels(stems, channels, {*named, *map(_case_of, named)})
    by_case = by_name((stem if stem in cases else _case_of(stem), path) for stem, path in named.items())
    for path in others:
        for case_id in {name for stem in _stems(path) for name in (stem, _case_of(stem))} & cases.keys():
            by_case.setdefault(case_id, path)
    return ArrangedFiles(cases, by_case)


def _folder_per_case(source: Path, _: int | None) -> ArrangedFiles:
    """`<case>/image.nii.gz` and `<case>/label.nii.gz`, one channel."""
    images: dict[str, tuple[Path, ...]] = {}
    labels: dict[str, Path] = {}
    left_out: list[Path] = []
    unread: list[Path] = []
    label_folders = _named(source, _LABEL_FOLDERS)
    for folder in list_folders(source):
        if folder in label_folders:
            continue
        files, others = _nifti_files(folder), _other_files(folder)
        named = [(_stem(path), path) for path in files]
        stems = [(stem, path) for path in others for stem in _stems(path)]
        image, label = _first(named, _IMAGE_NAMES), _first(named, _LABEL_NAMES) or _first(stems, _LABEL_NAMES)
        if image is not None and len({_stem(path).lower() for path in files} & _MODALITIES) > 1:
            image = image if _stem(image).lower() not in _MODALITIES else None  # one modality of several
        other = _first(stems, _IMAGE_NAMES) if image is None else None
        if image is not None:
            images[folder.name] = (image,)
        if label is not None and other is None:
            labels[folder.name] = label
        unread += [] if other is None else [other]
        rest = (*files, *filter(_is_volume, others))
        left_out += [path for path in rest if path not in (image, label, other)]
    return ArrangedFiles(
        images, labels, left_out=tuple(left_out), unread=tuple(unread), folders=tuple(label_folders)
    )


def _modalities_per_case(source: Path, _: int | None) -> ArrangedFiles:
    """`<case>/<case>_t1.nii.gz` and `<case>/<case>_seg.nii.gz`, as BraTS has them, up to two folders down."""
    files: dict[str, dict[str, Path]] = {}
    folders: list[tuple[str, Path]] = []
    labels: dict[str, Path] = {}
    left_out: list[Path] = []
    unread: list[Path] = []
    label_folders = _named(source, _LABEL_FOLDERS)
    for folder in list_folders(source, below=1):
        if folder in label_folders:
            continue
        names = {path: _modality(_stem(path), folder.name) for path in _nifti_files(folder)}
        named = by_name((name, path) for path, name in names.items() if name is not None)
        label = next((named.pop(name) for name in _LABEL_NAMES if name in named), None)
        beside = [path for path, name in names.items() if name is None]
        beside += filter(_is_volume, _other_files(folder))
        if not named or (label is None and not named.keys() <= _MODALITIES | {"image"}):
            left_out += [*names, *filter(_is_volume, _other_files(folder))]
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
        left_out=tuple(left_out),
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
    return lower if lower in _MODALITIES or lower in _LABEL_NAMES else None


def _named(source: Path, names: Sequence[str]) -> list[Path]:
    """Folders of these names in their order, whatever the case of their letters."""
    there = by_name((folder.name.lower(), folder) for folder in list_folders(source))
    return [there[name.lower()] for name in names if name.lower() in there]


def _labels_in(folders: Sequence[Path]) -> list[Path]:
    """The files of the first folder that has some; those of others are in none of the arrangements."""
    return next((files for folder in folders if (files := _nifti_files(folder))), [])


def _first(files: Iterable[tuple[str, Path]], names: Sequence[str]) -> Path | None:
    """The file that has the first of the names."""
    found = by_name((stem.lower(), path) for stem, path in files if stem.lower() in names)
    return next((found[name] for name in names if name in found), None)


def _of_names(folders: Sequence[Path], found: ArrangedFiles) -> tuple[Path, ...]:
    """Files in further folders that are named like a case, and may be its label or another image of it."""
    files = [path for folder in folders for path in _nifti_files(folder)]
    return tuple(path for path in files if {_stem(path), _case_of(_stem(path))} & found.images.keys())


def _of_other_names(folders: Sequence[Path], found: ArrangedFiles) -> tuple[Path, ...]:
    named = _of_names(folders, found)
    return tuple(path for folder in folders for path in _nifti_files(folder) if path not in named)


def is_image_file(path: Path) -> bool:
    """Whether a file is NIfTI or ends like another format of volumes, DICOM aside."""
    return nifti_stem(path) is not None or (_is_volume(path) and path.suffix.lower() not in (".dcm", ".ima"))


def is_named_like_label(path: Path) -> bool:
    """Whether a file lies in a folder of labels or is called one, whatever its format."""
    names = [_stem(path), *_stems(path)]
    called = any(name.lower() in _LABEL_NAMES or _LABEL_ENDING.search(name) for name in names)
    return called or path.parent.name.lower() in {name.lower() for name in _LABEL_FOLDERS}


def _nifti_files(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if nifti_stem(path) is not None]


def _other_files(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if nifti_stem(path) is None]


def _is_volume(path: Path) -> bool:
    return any(f".{end}".lower() in _OTHER_FORMATS for end in path.name.split(".")[-2:])


def _stem(path: Path) -> str:
    return nifti_stem(path) or path.name


def _stems(path: Path) -> list[str]:
    """Whatever a file name may be without its ending, since `.seg.nrrd` is one, too."""
    return [path.name[:end] for end, sign in enumerate(path.name) if sign == "."]


def _case_of(stem: str) -> str:
    return _LABEL_ENDING.sub("", stem)
