"""What people name on the command line, turned into cases; a folder is read as `alcseg import` reads it."""

import csv
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from alcseg.data.case import CaseVolumes
from alcseg.data.folder import Case
from alcseg.data.nifti import nifti_stem, read_image
from alcseg.data.readers import find_reader
from alcseg.data.readers.base import SourceCase, by_name
from alcseg.data.readers.dicom import read_series, series_name
from alcseg.data.readers.nifti import CHANNEL, group_channels
from alcseg.errors import DataError, UsageError

__all__ = ["find_inputs"]


def find_inputs(inputs: Sequence[str | os.PathLike[str] | Case], *, channels: int) -> tuple[SourceCase, ...]:
    """Turn what was named into cases, in a stable order.

    Args:
        inputs: Files, folders, glob patterns, lists of paths (`.txt`: one a line; `.csv`: one case a row, one
            column per channel and optionally `case_id`; relative paths start at the list). A folder may have
            any layout that `import` knows, and its cases get the names that `import` gives them; of a folder
            with `dataset.json` the images of `imagesTs` are taken. A `Case` stands for its images.
        channels: Channels of the model; files called `<case>_0000`, `<case>_0001`, ... are one case only if
            these are their numbers, so that of one channel `scan_0000` and `scan_0007` are two cases.

    Raises:
        DataError: If nothing is found where something was named.
        UsageError: If two inputs would give files of one name, or no input is named.
    """
    if not inputs:
        raise UsageError("expected at least one file or folder to predict, got none.")
    cases: dict[str, SourceCase] = {}
    for case in _named(inputs, channels):
        known = cases.setdefault(case.case_id, case)
        if known.images != case.images:
            raise UsageError(
                f"expected inputs of different names, found {known.images[0]} and {case.images[0]}, which "
                f"would both give '{case.case_id}'. Rename one or predict them into two folders."
            )
    return tuple(cases.values())


def _named(inputs: Sequence[str | os.PathLike[str] | Case], channels: int) -> Iterator[SourceCase]:
    """The cases behind all arguments, in their order."""
    for is_case, group in groupby(inputs, lambda item: isinstance(item, Case)):
        if is_case:
            yield from (_source(item) for item in group if isinstance(item, Case))
        else:
            paths = [item for item in group if not isinstance(item, Case)]
            yield from _cases([place for item in paths for place in _places(item, channels)], channels)


def _source(case: Case) -> SourceCase:
    return SourceCase(case.case_id, case.dataset.image_paths(case.case_id))


def _places(item: str | os.PathLike[str], channels: int) -> list[Path]:
    """Files and folders behind one argument."""
    path = Path(item).expanduser()
    if path.is_file() and path.suffix.lower() == ".txt":
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
        named = [path.parent / line for line in lines if line and not line.startswith("#")]
        if not named:
            raise DataError(f"{path}: expected one path a line, found none. Fill the list.")
        return [place for name in named for place in _places(name, channels)]
    if path.exists():
        return [path, *_siblings(path)] if path.is_file() and channels > 1 else [path]
    found = sorted(glob.glob(str(path), recursive=True))
    if not found:
        raise DataError(f"{item}: expected a file, a folder or a pattern, found nothing. Check the path.")
    return [Path(name) for name in found]


def _siblings(path: Path) -> list[Path]:
    """The other channels of a case of which one file was named."""
    match = CHANNEL.fullmatch(nifti_stem(path) or "")
    if match is None:
        return []
    ending = path.name[len(match[0]) :]
    others = path.parent.glob(f"{glob.escape(match['case'])}_[0-9][0-9][0-9][0-9]{ending}")
    return sorted(other for other in others if other != path)


def _cases(places: Iterable[Path], channels: int) -> Iterator[SourceCase]:
    """The cases in the order of the places; files named one after the other are looked at together."""
    for is_file, group in groupby(places, lambda place: place.is_file() and place.suffix.lower() != ".csv"):
        if is_file:
            yield from _from_files(group, channels)
            continue
        for place in group:
            yield from _from_folder(place, channels) if place.is_dir() else _from_csv(place)


def _from_files(files: Iterable[Path], channels: int) -> Iterator[SourceCase]:
    """Group channels by their nnU-Net names; other files are cases of their own."""
    folders: dict[Path, list[tuple[str, Path]]] = {}
    for path in files:
        stem = nifti_stem(path)
        if stem is None:
            raise DataError(
                f"{path}: expected a NIfTI file (.nii or .nii.gz), a .txt or .csv list or a folder. "
                "Convert it."
            )
        folders.setdefault(path.parent, []).append((stem, path))
    for named in folders.values():
        for case_id, images in group_channels(by_name(named), channels).items():
            yield SourceCase(case_id, images)


def _from_folder(folder: Path, channels: int) -> tuple[SourceCase, ...]:
    if (folder / "dataset.json").is_file():
        if not (folder / "imagesTs").is_dir():
            raise DataError(
                f"{folder}: expected a dataset with imagesTs, found none. Name the folder of images, e.g. "
                f"{folder / 'imagesTr'}."
            )
        folder = folder / "imagesTs"
    try:
        reader = find_reader(folder)
    except DataError:
        raise DataError(
            f"{folder}: expected NIfTI files (.nii, .nii.gz) or a DICOM series, found neither. Name the "
            "folder that holds them."
        ) from None
    return reader.cases(folder, channels)


def _from_csv(path: Path) -> Iterator[SourceCase]:
    """One case a row; a first row without any image path is the header."""
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [
            [cell.strip() for cell in row] for row in csv.reader(stream) if any(cell.strip() for cell in row)
        ]
    header: list[str] = []
    if rows and not any((path.parent / cell).exists() for cell in rows[0] if cell):
        header = [cell.lower() for cell in rows.pop(0)]
    if not rows:
        raise DataError(
            f"{path}: expected one case a row with the paths of its channels, found none. Fill the list."
        )
    for row in rows:
        named = dict(zip(header, row, strict=False)).get("case_id", "")
        cells = [cell for index, cell in enumerate(row) if cell and header[index : index + 1] != ["case_id"]]
        paths = tuple(path.parent / cell for cell in cells)
        missing = [part for part in paths if not part.exists()]
        if missing or not paths:
            raise DataError(
                f"{path}: expected paths of images, found '{', '.join(map(str, missing))}'. Check the row "
                f"{row}."
            )
        case_id = named or _name_of(paths[0])
        loads = any(part.is_dir() for part in paths)
        yield SourceCase(case_id, paths, load=partial(_read_channels, case_id, paths) if loads else None)


def _name_of(image: Path) -> str:
    """The name that a row without one gets from its first image."""
    if image.is_dir():
        return series_name(image)
    stem = nifti_stem(image) or image.name
    match = CHANNEL.fullmatch(stem)
    return match["case"] if match and int(match["channel"]) == 0 else stem


def _read_channels(case_id: str, paths: Sequence[Path]) -> CaseVolumes:
    """Read channels of which some are series folders."""
    images = tuple(read_series(path) if path.is_dir() else read_image(path) for path in paths)
    return CaseVolumes(case_id, images, None)
