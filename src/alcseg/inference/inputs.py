"""What people name on the command line, turned into cases."""

import csv
import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.nifti import nifti_stem, read_image, require_same_grid
from alcseg.errors import DataError, UsageError

__all__ = ["InputCase", "find_inputs"]

_CHANNEL = re.compile(r"(?P<case>.+)_(?P<channel>\d{4})")
_DICOM_ENDINGS = {".dcm", ".ima", ".dicom"}


@dataclass(frozen=True)
class InputCase:
    """One case to predict, not read yet.

    Attributes:
        case_id: Name of the output without its ending.
        paths: One NIfTI file per channel, or one DICOM folder.
    """

    case_id: str
    paths: tuple[Path, ...]

    def read(self) -> tuple[Volume, ...]:
        """Read all channels; they have to lie on one grid.

        Raises:
            DataError: If a file cannot be used.
        """
        from alcseg.data.readers.dicom import read_series

        volumes = tuple(read_series(path) if path.is_dir() else read_image(path) for path in self.paths)
        for volume in volumes[1:]:
            require_same_grid(volumes[0], volume, self.case_id)
        return volumes


def find_inputs(inputs: Sequence[Path | str], *, channels: int) -> tuple[InputCase, ...]:
    """Turn what was named into cases, in a stable order.

    Args:
        inputs: Files, folders, glob patterns, lists of paths (`.txt`: one a line; `.csv`: one case a row, one
            column per channel and optionally `case_id`; relative paths start at the list), DICOM series
            folders, folders of those, dataset folders (their `imagesTs`).
        channels: Channels of the model; files called `<case>_0000`, `<case>_0001`, ... are one case only if
            these are their numbers, so that a single-channel `scan_0007.nii.gz` stays a case of its own.

    Raises:
        DataError: If nothing is found where something was named.
        UsageError: If two inputs would give files of one name, or no input is named.
    """
    if not inputs:
        raise UsageError("expected at least one file or folder to predict, got none.")
    cases: dict[str, InputCase] = {}
    for item in inputs:
        for case in _expand(str(item), channels):
            known = cases.setdefault(case.case_id, case)
            if known.paths != case.paths:
                raise UsageError(
                    f"expected inputs of different names, found {known.paths[0]} and {case.paths[0]}, which "
                    f"would both "
                    f"give '{case.case_id}'. Rename one or predict them into two folders."
                )
    return tuple(cases.values())


def _expand(item: str, channels: int) -> list[InputCase]:
    """Cases behind one argument."""
    path = Path(item).expanduser()
    if path.is_dir():
        return _from_folder(path, channels)
    if path.is_file():
        if path.suffix.lower() == ".txt":
            lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
            named = [path.parent / line for line in lines if line and not line.startswith("#")]
            if not named:
                raise DataError(f"{path}: expected one path a line, found none. Fill the list.")
            return [case for name in named for case in _expand(str(name), channels)]
        if path.suffix.lower() == ".csv":
            return _from_csv(path)
        return _from_files([path, *_siblings(path)] if channels > 1 else [path], channels)
    found = sorted(glob.glob(str(path), recursive=True))
    if not found:
        raise DataError(f"{item}: expected a file, a folder or a pattern, found nothing. Check the path.")
    files = [Path(name) for name in found if Path(name).is_file()]
    folders = [Path(name) for name in found if Path(name).is_dir()]
    return _from_files(files, channels) + [
        case for folder in folders for case in _from_folder(folder, channels)
    ]


def _from_folder(folder: Path, channels: int) -> list[InputCase]:
    if (folder / "dataset.json").is_file():
        if not (folder / "imagesTs").is_dir():
            raise DataError(
                f"{folder}: expected a dataset with imagesTs, found none. Name the folder of images, e.g. "
                f"{folder / 'imagesTr'}."
            )
        folder = folder / "imagesTs"
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    files = [entry for entry in entries if entry.is_file() and nifti_stem(entry) is not None]
    if files:
        return _from_files(files, channels)
    if _holds_dicom(entries):
        return [InputCase(folder.resolve().name, (folder,))]
    series = [entry for entry in entries if entry.is_dir() and _holds_dicom(sorted(entry.iterdir()))]
    if series:
        return [InputCase(entry.name, (entry,)) for entry in series]
    raise DataError(
        f"{folder}: expected NIfTI files (.nii, .nii.gz) or a DICOM series, found neither. Name the folder "
        f"that holds them."
    )


def _from_files(files: Iterable[Path], channels: int) -> list[InputCase]:
    """Group channels by their nnU-Net names; other files are cases of their own."""
    grouped: dict[tuple[Path, str], dict[int, Path]] = {}
    cases = []
    for path in files:
        stem = nifti_stem(path)
        if stem is None:
            raise DataError(
                f"{path}: expected a NIfTI file (.nii or .nii.gz), a .txt or .csv list or a folder. Convert "
                f"it."
            )
        match = _CHANNEL.fullmatch(stem)
        if match and int(match["channel"]) < channels:
            grouped.setdefault((path.parent, match["case"]), {})[int(match["channel"])] = path
        else:
            cases.append(InputCase(stem, (path,)))
    for (_, case_id), parts in grouped.items():
        cases.append(InputCase(case_id, tuple(parts[number] for number in sorted(parts))))
    return sorted(cases, key=lambda case: case.case_id)


def _siblings(path: Path) -> list[Path]:
    """The other channels of a case of which one file was named."""
    match = _CHANNEL.fullmatch(nifti_stem(path) or "")
    if match is None:
        return []
    ending = path.name[len(match[0]) :]
    others = path.parent.glob(f"{glob.escape(match['case'])}_[0-9][0-9][0-9][0-9]{ending}")
    return sorted(other for other in others if other != path)


def _from_csv(path: Path) -> list[InputCase]:
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
    cases = []
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
        stem = nifti_stem(paths[0]) or paths[0].name
        match = _CHANNEL.fullmatch(stem)
        cases.append(
            InputCase(named or (match["case"] if match and match["channel"] == "0000" else stem), paths)
        )
    return cases


def _holds_dicom(entries: Sequence[Path]) -> bool:
    """Whether some file ends like DICOM or, as many series have no endings, carries its mark at byte 128."""
    for entry in entries:
        if not entry.is_file():
            continue
        if entry.suffix.lower() in _DICOM_ENDINGS:
            return True
        with entry.open("rb") as stream:
            if stream.read(132)[128:] == b"DICM":
                return True
    return False
