"""The lists of the literature, which say which case trains and which tests: one case a line.

`train.list`, `val.list` and `test.list`, or the same as `.txt`, lie beside the folders of the cases. A line
may be a path and may end in what the files were called once: `image0001` stands for
`Pancreas_h5/image0001_norm.h5` and the other way round. A line that stands for no case, or for several, is an
error, and so is a case that a `train.list` should have named: test cases would train otherwise.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from alcseg.data.listed_names import cases_of_lines
from alcseg.errors import DataError
from alcseg.listing import list_files
from alcseg.records.cases import SPLITS, Split
from alcseg.texts import read_lines
from alcseg.words import shorten

__all__ = ["CaseLists", "read_lists"]

_log = logging.getLogger(__name__)

_ENDINGS = (".list", ".txt")


@dataclass(frozen=True)
class CaseLists:
    """What the lists of a folder say.

    Attributes:
        order: All cases: those of the lists as they stand there, then the others by name.
        splits: Split of each case that is listed, in the order of the lists.
    """

    order: tuple[str, ...]
    splits: Mapping[str, Split]


def read_lists(
    source: Path,
    case_ids: Collection[str],
    *,
    case_of: Callable[[str], str] | None = None,
    placed: Collection[str] = (),
) -> CaseLists:
    """Read the lists of a folder, as far as they are there.

    Args:
        source: The folder.
        case_ids: The cases that were found.
        case_of: Case of a listed name, where the two are spelled differently.
        placed: Cases whose split is known without a list.

    Raises:
        DataError: If a line stands for no case or several, a case is in two lists or, with a list of training
            cases, in none.
    """
    splits: dict[str, Split] = {}
    paths = {split: path for split in SPLITS if (path := _find(source, split)) is not None}
    for split, path in paths.items():
        for case_id in _read_list(path, case_ids, case_of):
            known = splits.setdefault(case_id, split)
            if known != split:
                raise DataError(
                    f"{path}: expected each case in one list, found '{case_id}' also in {paths[known].name}. "
                    "Take it out of one."
                )
    others = sorted(set(case_ids) - set(splits))
    lost = [case_id for case_id in others if case_id not in placed]
    if "train" in paths and lost:
        raise DataError(
            f"{paths['train']}: expected each case in a list, found none that names {shorten(lost)} "
            f"({len(lost)} of {len(case_ids)} cases). Add them to a list, or move their files out."
        )
    if unread := [path.name for path in list_files(source, "*.list") if path not in paths.values()]:
        _log.warning("%s: lists other than train, val and test are not read: %s", source, shorten(unread))
    return CaseLists((*splits, *others), splits)


def _find(source: Path, split: str) -> Path | None:
    found = [path for ending in _ENDINGS for path in list_files(source, f"{split}{ending}")]
    if len(found) > 1:
        raise DataError(
            f"{source}: expected one list of cases for {split}, found "
            f"{shorten(path.name for path in found)}. Take one away."
        )
    return found[0] if found else None


def _read_list(path: Path, case_ids: Collection[str], case_of: Callable[[str], str] | None) -> Iterable[str]:
    lines = [line.split(",")[0].strip() for line in read_lines(path, "a list with one case a line")]
    found = cases_of_lines(filter(None, lines), case_ids, case_of)
    absent = [line for line, cases in found.items() if not cases]
    if absent or not found:
        raise DataError(
            f"{path}: expected names of cases, one a line, found {shorten(absent) or 'no line'} "
            f"({len(absent)} of {len(found)} lines), but the cases are {shorten(sorted(case_ids))}. "
            "Correct the list, restore the files, or take the list away."
        )
    several = next((line for line, cases in found.items() if len(cases) > 1), None)
    if several is not None:
        raise DataError(
            f"{path}: expected one case for each line, found {shorten(found[several])} for '{several}'. "
            "Give the whole name."
        )
    return dict.fromkeys(cases[0] for cases in found.values())
