"""The labels of single readers in a dataset folder, beside those that it is trained with.

    labelsRaters/<rater>/<case>.nii.gz     whichever reader drew the case, on the grid of its image

Only cases with more than the one label have them; `cases.csv` names the readers of each case.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from alcseg.case_ids import as_one_name, check_case_id
from alcseg.data.folder import Dataset
from alcseg.data.nifti_file import nifti_stem
from alcseg.errors import DataError
from alcseg.files import copy_into
from alcseg.listing import has_folder, list_files, list_folders

__all__ = [
    "FUSION",
    "JOINT",
    "RATERS",
    "check_rater",
    "copy_rater_labels",
    "joined",
    "rater_labels",
    "require_apart_names",
    "split_names",
]

RATERS = "labelsRaters"
"""Folder of the readers' folders."""

JOINT = "+"
"""Stands between the names of readers in `cases.csv`."""

FUSION = "fusion"
"""Key of `dataset.json` that says how labels of several readers became one: `majority`, `staple`, or `given`
where the source had it."""


def check_rater(name: str, where: object) -> str:
    """The name of a reader, if it can name a folder.

    Raises:
        DataError: If it cannot, or holds a `+`.
    """
    if JOINT in name:
        raise DataError(f"{where}: expected the name of a reader without '{JOINT}', found '{name}'. Rename.")
    return check_case_id(name, where)


def require_apart_names(raters: Iterable[str], where: object) -> None:
    """Refuse names of readers that differ in upper and lower case alone: on many disks they are one folder.

    Raises:
        DataError: Naming the two.
    """
    known: dict[str, str] = {}
    for name in raters:
        other = known.setdefault(as_one_name(name), name)
        if other != name:
            raise DataError(
                f"{where}: expected names of readers that differ in more than upper and lower case, found "
                f"{other} and {name}. Rename one, or put the labels together if both are one person."
            )


def joined(raters: Collection[str]) -> str:
    """Names of readers as `cases.csv` has them."""
    return JOINT.join(sorted(raters))


def split_names(raters: str) -> list[str]:
    """Names of readers from a cell of `cases.csv`."""
    return raters.split(JOINT) if raters else []


def rater_labels(dataset: Dataset) -> dict[str, dict[str, Path]]:
    """Label files by case, in the order of the dataset, and by reader; cases without any are left out.

    Raises:
        DataError: If the name of a folder is none for a reader, or two differ in upper and lower case alone.
    """
    found: dict[str, dict[str, Path]] = {row.case_id: {} for row in dataset.rows}
    folder = dataset.root / RATERS
    if not has_folder(folder):
        return {}
    folders = list_folders(folder)
    require_apart_names([own.name for own in folders], folder)
    for own in folders:
        rater = check_rater(own.name, folder)
        for path in list_files(own, f"*{dataset.file_ending}"):
            if (case_id := nifti_stem(path)) in found and case_id is not None:
                found[case_id][rater] = path
    return {case_id: files for case_id, files in found.items() if files}


def copy_rater_labels(dataset: Dataset, root: Path, case_ids: Sequence[str] | None = None) -> None:
    """Copy the readers' labels of some cases, or of all, into another dataset folder."""
    for case_id, files in rater_labels(dataset).items():
        if case_ids is None or case_id in case_ids:
            for rater, path in files.items():
                copy_into(path, root / RATERS / rater)
