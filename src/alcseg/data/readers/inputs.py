"""What people name on the command line, turned into cases; a folder is read as `alcseg import` reads it."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from alcseg.data.channels import channel_order
from alcseg.data.dataset_case import Case
from alcseg.data.formats import file_stem
from alcseg.data.readers import recognize
from alcseg.data.readers.base import SourceCase
from alcseg.data.readers.input_table import read_input_table
from alcseg.data.readers.numbered import CHANNEL, group_channels
from alcseg.errors import DataError, UsageError
from alcseg.listing import by_name, has_file, has_folder, list_files
from alcseg.records.dataset import DatasetRecord
from alcseg.texts import read_lines

__all__ = ["find_inputs"]

_LONGEST_PATH = 4096  # characters, on Linux


def find_inputs(
    inputs: Sequence[str | os.PathLike[str] | Case], *, channels: Sequence[str] | int
) -> tuple[SourceCase, ...]:
    """Turn what was named into cases, in a stable order.

    Args:
        inputs: Files, folders, glob patterns, lists of paths (`.txt`: one a line, relative paths start at the
            list; `.csv`: see `read_input_table`). A folder may have any layout that `import` knows, and its
            cases get the names that `import` gives them; of a folder with `dataset.json` the images of
            `imagesTs` are taken. A `Case` stands for its images.
        channels: Names of the channels of the model in its order, or how many there are. Columns of lists and
            channels of datasets are found by these names. Files called `<case>_0000`, `<case>_0001`, ... are
            one case only if these are their numbers, so that of one channel `scan_0000` and `scan_0007` are
            two cases.

    Raises:
        DataError: If nothing is found where something was named, channels have other names, or what was
            found cannot be opened.
        UsageError: If two inputs would give files of one name, or no input is named.
    """
    if not inputs:
        raise UsageError("expected at least one file or folder to predict, got none.")
    names = tuple(map(str, range(channels))) if isinstance(channels, int) else tuple(channels)
    cases: dict[str, SourceCase] = {}
    for case in _named(inputs, names):
        known = cases.setdefault(case.case_id, case)
        if known.images != case.images:
            raise UsageError(
                f"expected inputs of different names, found {known.images[0]} and {case.images[0]}, which "
                f"would both give '{case.case_id}'. Rename one or predict them into two folders."
            )
    if not cases:
        raise DataError(f"{', '.join(map(str, inputs))}: expected cases to predict, found none.")
    return tuple(cases.values())


def _named(inputs: Sequence[str | os.PathLike[str] | Case], channels: Sequence[str]) -> Iterator[SourceCase]:
    """The cases behind all arguments, in their order."""
    for is_case, group in groupby(inputs, lambda item: isinstance(item, Case)):
        if is_case:
            yield from (_source(item, channels) for item in group if isinstance(item, Case))
        else:
            paths = [item for item in group if not isinstance(item, Case)]
            yield from _cases([place for item in paths for place in _places(item, len(channels))], channels)


def _source(case: Case, channels: Sequence[str]) -> SourceCase:
    names = tuple(case.dataset.channel_names.values())
    source = SourceCase(case.case_id, case.dataset.image_paths(case.case_id))
    return _ordered(source, channel_order(names, channels, DatasetRecord.path(case.dataset.root)))


def _places(item: str | os.PathLike[str], channels: int, lists: tuple[Path, ...] = ()) -> list[Path]:
    """Files and folders behind one argument, or a line of the lists that lead to it."""
    path = Path(os.path.expanduser(item))
    if has_file(path) and path.suffix.lower() == ".txt":
        if path.resolve() in lists:
            raise DataError(f"{path}: expected one path a line, found this list itself. Take the line out.")
        lines = read_lines(path, "a list with one path a line")
        named = [path.parent / line for line in lines if not line.startswith("#")]
        if not named:
            raise DataError(f"{path}: expected one path a line, found none. Fill the list.")
        return [place for name in named for place in _places(name, channels, (*lists, path.resolve()))]
    if has_file(path):
        return [path, *_siblings(path)] if channels > 1 else [path]
    if has_folder(path):
        return [path]
    # No path is longer, and time to make a pattern of a text grows with the square of its length.
    found = sorted(glob.glob(str(path), recursive=True)) if len(str(path)) <= _LONGEST_PATH else []
    if not found:
        raise DataError(
            f"{item!s:.300}: expected a file, a folder or a pattern, found nothing. Check the path."
        )
    return [Path(name) for name in found]


def _siblings(path: Path) -> list[Path]:
    """The other channels of a case of which one file was named."""
    match = CHANNEL.fullmatch(file_stem(path) or "")
    if match is None:
        return []
    ending = path.name[len(match[0]) :]
    pattern = f"{glob.escape(match['case'])}_[0-9][0-9][0-9][0-9]{glob.escape(ending)}"
    return [other for other in list_files(path.parent, pattern) if other != path]


def _cases(places: Iterable[Path], channels: Sequence[str]) -> Iterator[SourceCase]:
    """The cases in the order of the places; files named one after the other are looked at together."""
    for is_image, group in groupby(places, lambda place: has_file(place) and not _is_table(place)):
        if is_image:
            yield from _from_files(group, len(channels))
            continue
        for place in group:
            yield from (
                _from_folder(place, channels) if has_folder(place) else read_input_table(place, channels)
            )


def _is_table(place: Path) -> bool:
    return place.suffix.lower() in (".csv", ".tsv")


def _from_files(files: Iterable[Path], channels: int) -> Iterator[SourceCase]:
    """Group channels by their nnU-Net names; other files are cases of their own."""
    folders: dict[Path, list[tuple[str, Path]]] = {}
    for path in files:
        stem = file_stem(path)
        if stem is None:
            raise DataError(
                f"{path}: expected an image (.nii.gz, .nii, .nrrd, .mha, .mhd, .mgz), a .txt or .csv list "
                "or a folder. Convert it."
            )
        folders.setdefault(path.parent, []).append((stem, path))
    for named in folders.values():
        for case_id, images in group_channels(by_name(named), channels).items():
            yield SourceCase(case_id, images, stacked=channels > 1 and len(images) == 1)


def _from_folder(folder: Path, channels: Sequence[str]) -> tuple[SourceCase, ...]:
    table = DatasetRecord.path(folder)
    found: Sequence[str] = channels
    if has_file(table):
        if not has_folder(folder / "imagesTs"):
            raise DataError(
                f"{folder}: expected a dataset with imagesTs, found none. Name the folder of images, e.g. "
                f"{folder / 'imagesTr'}."
            )
        if len(channels) > 1:
            found = tuple(DatasetRecord.read(folder).channel_names.values())
        folder = folder / "imagesTs"
    reader = recognize(folder)
    if reader is None:
        raise DataError(
            f"{folder}: expected NIfTI files (.nii, .nii.gz) or a DICOM series, found neither. Name the "
            "folder that holds them."
        )
    cases = reader.cases(folder, len(channels))
    named = [(case, case.channels or found) for case in cases]
    return tuple(
        case
        if names == channels
        else _ordered(case, channel_order(names, channels, table if found == names else folder))
        for case, names in named
    )


def _ordered(case: SourceCase, order: Sequence[int]) -> SourceCase:
    """A case with its images in the order of the run; one that lacks some fails when it is read."""
    if case.stacked:
        return replace(case, order=tuple(order))
    if len(case.images) != len(order):
        return case
    return replace(case, images=tuple(case.images[place] for place in order))
