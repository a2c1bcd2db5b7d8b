"""Labels of several readers in a source: which reader drew which case, in which file.

    labelsTr_raterA/<case>.nii.gz        a folder a reader beside the images, told by `rater`, `reader`,
                                         `annotator`, `observer` or `expert` in its name
    labelsTr/<reader>/<case>.nii.gz      folders in that of the labels
    <case>_desc-raterA_dseg.nii.gz       the entity `desc` of BIDS, anywhere, with one of the words above
    cases.csv                            columns `label_<reader>` with paths from the table on
    labelsRaters/<reader>/<case>.nii.gz  in dataset folders of this project

Whoever names the folders of all readers (`--raters NAME=FOLDER`) has these and no others.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from alcseg.data.nifti_file import nifti_stem
from alcseg.data.rater_labels import RATERS, check_rater, require_apart_names
from alcseg.data.readers.names import LABEL_FOLDERS, case_of, stem_of
from alcseg.errors import DataError
from alcseg.listing import folders_below, has_file, has_folder, list_files, list_folders
from alcseg.records.base import read_table
from alcseg.records.cases import LABEL_COLUMN, CaseRow
from alcseg.words import shorten

__all__ = ["Drawn", "files_of", "find_raters", "is_rater_file", "is_readers_own"]

Drawn = dict[str, dict[str, Path]]
"""Label file by case and by reader."""

_WORDS = "rater|reader|annotator|observer|expert"
_LABEL_NAMES = "|".join((*LABEL_FOLDERS, "labelsTs"))
_FOLDER = re.compile(rf"(?:{_LABEL_NAMES})[_\-. ](?P<rater>(?:{_WORDS}).*)", re.IGNORECASE)
_ENTITY = re.compile(
    rf"(?P<before>.+)_desc-(?P<rater>(?:{_WORDS})[a-z0-9]*)(?P<after>(?:_.*)?)", re.IGNORECASE
)
_MASK = re.compile(r"_(?:dseg|probseg|mask|label|seg)$", re.IGNORECASE)


def is_rater_file(stem: str) -> bool:
    """Whether a name without its ending has BIDS's entity `desc` with a reader in it."""
    return _ENTITY.fullmatch(stem) is not None


def files_of(drawn: Drawn) -> list[Path]:
    """All label files of readers."""
    return [path for files in drawn.values() for path in files.values()]


def find_raters(source: Path, case_ids: Collection[str], stated: Mapping[str, Path]) -> Drawn:
    """Look for the labels of readers.

    Args:
        source: The folder.
        case_ids: Cases that have an image.
        stated: Folder of each reader, where the caller names them.

    Raises:
        DataError: If a label fits no case or several, a reader has two of a case, one file is to be the label
            of two readers or cases, a name is none for a reader or two are much alike, or a folder or file
            that is stated is not there.
    """
    found: Drawn = {}
    for rater, stem, path in _stated(stated) if stated else _look(source):
        case_id = stem if stem in case_ids else _case(path, case_ids)
        check_rater(rater, path)
        known = found.setdefault(case_id, {}).setdefault(rater, path)
        if known != path:
            raise DataError(
                f"{source}: expected one label of '{case_id}' by {rater}, found {known} and {path}. "
                "Take one out."
            )
    require_apart_names({rater: None for files in found.values() for rater in files}, source)
    _require_own_files(found)
    return {case_id: dict(sorted(found[case_id].items())) for case_id in case_ids if case_id in found}


def _require_own_files(found: Drawn) -> None:
    """Raise where one file, or one folder under two names, stands for two readers or for two cases."""
    known: dict[tuple[int, int, str], tuple[str, str]] = {}
    for case_id, files in found.items():
        for rater, path in files.items():
            other = known.setdefault(_place(path), (case_id, rater))
            if other != (case_id, rater):
                raise DataError(
                    f"{path}: expected the label of one case by one reader, found it for {other[0]} by "
                    f"{other[1]} and for {case_id} by {rater}. Correct the path of one of them."
                )


def is_readers_own(label: Path, raters: Mapping[str, Path]) -> bool:
    """Whether the label of a case is the file of one of its readers, and no consensus of theirs."""
    return _place(label) in map(_place, raters.values())


def _place(path: Path) -> tuple[int, int, str]:
    """Folder and name of a file, whatever the folder is called.

    Where the file itself is a link does not count: stores of data keep equal content once.
    """
    folder = path.parent.stat()
    return folder.st_dev, folder.st_ino, path.name


def _stated(folders: Mapping[str, Path]) -> Iterator[tuple[str, str, Path]]:
    for rater, folder in folders.items():
        files = _nifti(folder) if has_folder(folder) else []
        if not files:
            raise DataError(
                f"{folder}: expected label files of {rater} (.nii, .nii.gz), found none. Check the path, or "
                "convert them."
            )
        yield from ((rater, "", path) for path in files)


def _look(source: Path) -> Iterator[tuple[str, str, Path]]:
    """Reader, case where it is stated, and file of each label."""
    yield from _in_table(source)
    for folder in list_folders(source):
        if folder.name == RATERS:
            yield from ((own.name, "", path) for own in list_folders(folder) for path in _nifti(own))
        elif match := _FOLDER.fullmatch(folder.name):
            yield from ((match["rater"], "", path) for path in _nifti(folder))
        elif re.fullmatch(_LABEL_NAMES, folder.name, re.IGNORECASE):
            plain = _nifti(folder)  # then other folders may be anything, such as an older version
            own_folders = [
                own for own in list_folders(folder) if not plain or re.match(_WORDS, own.name, re.IGNORECASE)
            ]
            yield from ((own.name, "", path) for own in own_folders for path in _nifti(own))
    for folder in folders_below(source):
        for path in list_files(folder):
            if match := _ENTITY.fullmatch(nifti_stem(path) or ""):
                yield match["rater"], "", path


def _in_table(source: Path) -> Iterator[tuple[str, str, Path]]:
    table = CaseRow.path(source)
    if not has_file(table):
        return
    headings, lines = read_table(table, CaseRow.NAME, "whoever wrote it")
    columns = [heading for heading in headings if heading.startswith(LABEL_COLUMN)]
    for number, cells in enumerate(lines, start=2):
        for heading in columns:
            if name := cells.get(heading):
                path = source / name
                if not has_file(path) or nifti_stem(path) is None:
                    raise DataError(
                        f"{table}, line {number}: expected a label file (.nii, .nii.gz) for {heading}, found "
                        f"'{name:.200}'. Correct the path, which starts at the table."
                    )
                yield heading.removeprefix(LABEL_COLUMN), str(cells.get("case_id") or ""), path


def _case(path: Path, case_ids: Collection[str]) -> str:
    """The case that a file is named after: as it is, without the ending of a label, or as BIDS does."""
    stem = stem_of(path)
    if match := _ENTITY.fullmatch(stem):
        stem = match["before"] + _MASK.sub("", match["after"])
    for name in (stem, _MASK.sub("", stem), case_of(stem)):
        if name in case_ids:
            return name
    begin = [case_id for case_id in case_ids if case_id.startswith(f"{stem}_")] if match else []
    if len(begin) == 1:
        return begin[0]
    fits = f"several cases, {shorten(begin)}" if begin else f"none of the cases {shorten(case_ids)}"
    raise DataError(
        f"{path}: expected the label of a reader named after its image, found one of {fits}. Rename it."
    )


def _nifti(folder: Path) -> list[Path]:
    """NIfTI files but those whose own name tells the reader."""
    stems = ((path, nifti_stem(path)) for path in list_files(folder))
    return [path for path, stem in stems if stem is not None and not is_rater_file(stem)]
