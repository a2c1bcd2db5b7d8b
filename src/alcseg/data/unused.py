"""Files that lie among images and labels and belong to no case: named, never passed over.

A label in a format that is not read, or under a name that fits no image, would otherwise make its case one
without a label.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

from alcseg.data.folder import Dataset
from alcseg.errors import DataError
from alcseg.listing import folders_below, has_folder, list_files
from alcseg.words import shorten

__all__ = ["FOLDERS", "holds_voxels", "refuse_unused", "tell_unused", "unused_files", "unused_in_dataset"]

_log = logging.getLogger(__name__)

FOLDERS = ("imagesTr", "labelsTr", "imagesTs", "labelsTs", "imagesUn")
"""Of images and labels, in the layouts that come with a `dataset.json`."""

_DESCRIPTIONS = frozenset({
    ".bval", ".bvec", ".csv", ".ctbl", ".db", ".doc", ".docx", ".html", ".ini", ".ipynb", ".itksnap", ".json",
    ".list", ".lnk", ".log", ".m", ".md", ".md5", ".mrml", ".pdf", ".ppt", ".pptx", ".py", ".rst", ".sh",
    ".sha256", ".toml", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".yml",
})  # fmt: skip
"""Endings of files that describe others or work on them, and of what Windows puts beside them (Thumbs.db)."""


def unused_files(folders: Iterable[Path], used: Iterable[Path]) -> list[Path]:
    """Visible files in the folders and below them that are not among the used ones.

    Raises:
        DataError: If an entry cannot be opened.
    """
    known = set(used)
    return [
        path
        for folder in folders
        if has_folder(folder)
        for place in folders_below(folder)
        for path in list_files(place)
        if path not in known
    ]


def holds_voxels(path: Path) -> bool:
    """Whether a file may be an image or a label; what describes others, such as a table, may not."""
    return path.suffix.lower() not in _DESCRIPTIONS


def unused_in_dataset(dataset: Dataset) -> list[Path]:
    """Files among the images and labels of a dataset folder that belong to none of its cases."""
    absent = set(dataset.absent_cases())
    used: list[Path] = []
    for row in dataset.rows:
        used += () if row.case_id in absent else dataset.image_paths(row.case_id)
        others = (dataset.stacked_image(row.case_id), dataset.label_path(row.case_id))
        used += [path for path in others if path is not None]
    return unused_files((dataset.root / name for name in FOLDERS), used)


def refuse_unused(source: Path, unused: Iterable[Path]) -> None:
    """Refuse images and labels that no case uses, and name in a warning what else is passed over.

    Args:
        source: What is imported, for the message.
        unused: The files.

    Raises:
        DataError: Naming the files.
    """
    left = list(unused)
    if volumes := [path for path in left if holds_voxels(path)]:
        raise DataError(
            f"{source}: expected each file among images and labels to be of a case, as NIfTI (.nii, .nii.gz) "
            f"named like its image, found {shorten(volumes)}. Convert or rename them, or move them out."
        )
    tell_unused(source, left)


def tell_unused(source: Path, unused: Iterable[Path]) -> None:
    """Name files that are left out in a warning, if there are any."""
    if left := list(unused):
        _log.warning("%s: files that belong to no case are left out: %s", source, shorten(left))
