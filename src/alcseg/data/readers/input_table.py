"""A CSV list of cases to predict: one case a row, its channels in columns of their names.

    case_id,T1,FLAIR
    heart_1,scans/heart_1_T1.nii.gz,scans/heart_1_FLAIR.nii.gz

Relative paths start at the list; a path may be a DICOM series folder. Without `case_id` a case is named
after its first image. Columns may stand in any order and have the number of the channel in place of its name;
that of a single channel may be called `image`, `path` or the like. Columns without images, such as an age,
are left out. In a list without a header the channels come in the order of the run.
"""

import logging
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from alcseg.data.case import CaseVolumes
from alcseg.data.formats import file_stem, read_image
from alcseg.data.readers.base import SourceCase
from alcseg.data.readers.dicom import read_series, series_name
from alcseg.data.readers.numbered import CHANNEL
from alcseg.errors import DataError
from alcseg.listing import has_file, has_folder
from alcseg.texts import read_cells
from alcseg.words import shorten

__all__ = ["read_input_table"]

_log = logging.getLogger(__name__)

_ID = "case_id"
_ONE_IMAGE = {"image", "images", "img", "scan", "volume", "path", "file", "filename", "input"}


def read_input_table(path: Path, channels: Sequence[str]) -> Iterator[SourceCase]:
    """The cases of a list, in its order.

    Args:
        path: The list; commas, semicolons or tabs divide its cells.
        channels: Names of the channels that the model takes, in its order.

    Raises:
        DataError: If the list cannot be read, its columns are not the channels, or a row lacks an image.
    """
    rows = read_cells(path, "a list of images with one case a row")
    header = rows.pop(0) if rows and _is_header(rows[0], channels, path.parent) else []
    if not rows:
        raise DataError(
            f"{path}: expected one case a row with the paths of its channels, found none. Fill the list."
        )
    width = len(header) or len(channels)
    for row in rows:
        if any(row[width:]):
            raise DataError(
                f"{path}: expected {width} cells a row, found {len(row)} in {shorten(row)}. Correct the row."
            )
    if header:
        columns = _columns(header, rows, channels, path)
        named = next((at for at, cell in enumerate(header) if cell.casefold() == _ID), None)
    else:
        columns, named = tuple(range(len(channels))), None
    for row in rows:
        cells = [row[at] if at < len(row) else "" for at in columns]
        paths = tuple(path.parent / cell for cell in cells)
        absent = [
            str(place) if cell else f"no {name}"
            for name, cell, place in zip(channels, cells, paths, strict=True)
            if not cell or not (has_file(place) or has_folder(place))
        ]
        if absent:
            raise DataError(
                f"{path}: expected paths of images, found '{shorten(absent)}' in the row {shorten(row)}. "
                "Correct the row."
            )
        if not header:
            _require_numbers_in_order(paths, path)
        given = row[named] if named is not None and named < len(row) else ""
        case_id = given or _name_of(paths[0])
        loads = any(has_folder(place) for place in paths)
        yield SourceCase(case_id, paths, load=partial(_read_channels, case_id, paths) if loads else None)


def _is_header(row: Sequence[str], channels: Sequence[str], folder: Path) -> bool:
    """Whether a row names columns; of one that names neither a channel nor a file, it is taken to."""
    cells = [cell for cell in row if cell]
    if any(_channel_of(cell, channels) is not None or cell.casefold() == _ID for cell in cells):
        return True
    return not any(_is_image(cell, folder) for cell in cells)


def _is_image(cell: str, folder: Path) -> bool:
    place = folder / cell
    return bool(cell) and (file_stem(place) is not None or has_file(place) or has_folder(place))


def _channel_of(heading: str, channels: Sequence[str]) -> int | None:
    """The channel that a heading means."""
    for number, name in enumerate(channels):
        if heading.casefold() in {name.casefold(), str(number), f"{number:04d}"}:
            return number
    return 0 if len(channels) == 1 and heading.casefold() in _ONE_IMAGE else None


def _columns(
    header: Sequence[str], rows: Sequence[Sequence[str]], channels: Sequence[str], path: Path
) -> tuple[int, ...]:
    """The column of each channel."""
    found: dict[int, int] = {}
    others: list[int] = []
    for at, heading in enumerate(header):
        channel = _channel_of(heading, channels)
        if channel is not None and channel not in found:
            found[channel] = at
        elif heading.casefold() != _ID:
            others.append(at)
    images = [at for at in others if any(_is_image(row[at], path.parent) for row in rows if at < len(row))]
    if images or len(found) < len(channels):
        headings = [heading for heading in header if heading.casefold() != _ID]
        raise DataError(
            f"{path}: expected a column for each channel of the run, {shorten(channels, 20)}, found the "
            f"columns {shorten(headings, 20)}. Name each column like its channel, and take others with "
            "images out."
        )
    if left_out := [header[at] for at in others if header[at]]:
        _log.info("%s: columns without images are left out: %s", path, shorten(left_out))
    return tuple(found[channel] for channel in range(len(channels)))


def _require_numbers_in_order(paths: Sequence[Path], table: Path) -> None:
    """Without a header the names of the files alone tell which channel is which, where they do."""
    found = [CHANNEL.fullmatch(file_stem(path) or "") for path in paths]
    numbers = [int(match["channel"]) for match in found if match]
    cases = {match["case"] for match in found if match}
    if len(paths) > 1 and len(numbers) == len(paths) and len(cases) == 1 and numbers != sorted(numbers):
        raise DataError(
            f"{table}: expected the channels in the order of the run, found "
            f"{shorten(path.name for path in paths)}. Correct the order, or name the columns in a header."
        )


def _name_of(image: Path) -> str:
    """The name that a row without one gets from its first image."""
    if has_folder(image):
        return series_name(image)
    stem = file_stem(image) or image.name
    match = CHANNEL.fullmatch(stem)
    return match["case"] if match and int(match["channel"]) == 0 else stem


def _read_channels(case_id: str, paths: Sequence[Path]) -> CaseVolumes:
    """Read channels of which some are series folders."""
    images = tuple(read_series(path) if has_folder(path) else read_image(path) for path in paths)
    return CaseVolumes(case_id, images, None)
