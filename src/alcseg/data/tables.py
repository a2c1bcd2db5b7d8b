"""The two tables of a dataset folder: `dataset.json`, which names channels and classes, and `cases.csv`."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from alcseg.data.nifti import shorten
from alcseg.errors import DataError
from alcseg.files import write_json, write_text

__all__ = [
    "CASES",
    "QUALITIES",
    "SPLITS",
    "CaseRow",
    "is_file_name",
    "parse_channels",
    "parse_labels",
    "read_cases",
    "write_cases",
    "write_dataset_json",
]

CASES = "cases.csv"
QUALITIES = ("hq", "lq", "unlabeled")
SPLITS = ("train", "val", "test")
_COLUMNS = ("case_id", "quality", "split", "group", "source")


@dataclass(frozen=True)
class CaseRow:
    """One line of `cases.csv`: the case, the quality of its label, its split, its group and its origin."""

    case_id: str
    quality: str
    split: str
    group: str
    source: str


def write_cases(root: Path, rows: Iterable[CaseRow]) -> None:
    """Write `cases.csv`."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(CaseRow))
    writer.writerows((row.case_id, row.quality, row.split, row.group, row.source) for row in rows)
    write_text(root / CASES, text.getvalue())


def write_dataset_json(
    root: Path,
    *,
    name: str,
    channel_names: Mapping[str, str],
    labels: Mapping[str, int],
    num_training: int,
    file_ending: str = ".nii.gz",
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write `dataset.json` as nnU-Net v2 reads it.

    Args:
        root: The dataset folder.
        name: Name of the dataset.
        channel_names: Channel number to name.
        labels: Class name to value, background first.
        num_training: Number of cases in `imagesTr`, which are those of split train and val.
        file_ending: Of all volumes.
        extra: Further keys, such as `licence`.
    """
    content: dict[str, Any] = {
        "name": name,
        "channel_names": dict(channel_names),
        "labels": dict(labels),
        "numTraining": num_training,
        "file_ending": file_ending,
    }
    write_json(root / "dataset.json", content | {k: v for k, v in (extra or {}).items() if k not in content})


def is_file_name(case_id: str) -> bool:
    """Whether a case name stays in its folder when files are named after it, on any system."""
    return bool(case_id) and not case_id.startswith(".") and not any(sign in case_id for sign in "/\\")


def parse_channels(raw: Any, path: Path) -> dict[str, str]:
    """Channel number to name; one channel called `image` if nothing is said.

    Raises:
        DataError: If `raw` is not such a table.
    """
    names = {"0": "image"} if raw is None or raw == {} else raw
    if not isinstance(names, Mapping):
        raise DataError(
            f'{path}: expected channel names as a table such as {{"0": "CT"}}, found {raw!r}. Correct it.'
        )
    return {str(index): str(name) for index, name in names.items()}


def parse_labels(raw: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Class name to value, background first, from nnU-Net's form (name: value) or MSD's (value: name).

    Raises:
        DataError: If a label has no single whole number, comes twice, or there is no background.
    """
    pairs: list[tuple[str, int]] = []
    for key, value in raw.items():
        if isinstance(value, int) and not isinstance(value, bool):
            pairs.append((str(key), value))
        elif isinstance(value, str) and _is_int(key):
            pairs.append((value, int(key)))
        elif isinstance(value, str) and _is_int(value):
            pairs.append((str(key), int(value)))
        else:
            raise DataError(
                f"{path}: expected one whole number per label, found {value!r} for '{key}'. "
                "Name each value; regions are not supported."
            )
    if any(name == "ignore" for name, _ in pairs):
        raise DataError(
            f"{path}: expected classes only, found 'ignore', which is not supported. Map it away."
        )
    background = next((pair for pair in pairs if pair[0] == "background"), None) or next(
        (pair for pair in pairs if pair[1] == 0), None
    )
    if background is None or len(pairs) < 2:
        raise DataError(
            f"{path}: expected 'background' and at least one further label, found {shorten(raw)}. Add them."
        )
    negative = [f"{value} ({name})" for name, value in pairs if value < 0]
    if negative:
        raise DataError(
            f"{path}: expected label values of 0 and above, found {shorten(negative)}. Change the values "
            "here and in the label files."
        )
    labels = dict(
        [background, *sorted((pair for pair in pairs if pair != background), key=lambda pair: pair[1])]
    )
    if len(labels) != len(raw) or len(set(labels.values())) != len(raw):
        raise DataError(
            f"{path}: expected each label name and value once, found one twice among {shorten(pairs)}."
        )
    return labels


def read_cases(path: Path) -> tuple[CaseRow, ...]:
    """Read `cases.csv`; only `case_id` must be there, an empty quality is `hq`, an empty split `train`.

    Raises:
        DataError: If the column `case_id` is absent, a case comes twice, or a value is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            f"{path}: expected UTF-8 text, found another encoding. Save it as CSV UTF-8."
        ) from None
    with io.StringIO(text, newline="") as stream:
        reader = csv.DictReader(stream)
        if "case_id" not in (reader.fieldnames or ()):
            raise DataError(
                f"{path}: expected a header line with the column case_id, found {reader.fieldnames}. Add it."
            )
        unknown = [name for name in reader.fieldnames or () if name not in _COLUMNS]
        absent = [name for name in ("quality", "split") if name not in (reader.fieldnames or ())]
        if unknown and absent:  # rather a slip of the pen than a table without that column
            raise DataError(
                f"{path}: expected the column '{absent[0]}', found an unknown column '{unknown[0]}'. "
                f"Rename it, or take it out if every case is {'hq' if absent[0] == 'quality' else 'train'}."
            )
        rows: dict[str, CaseRow] = {}
        for line, cells in enumerate(reader, start=2):
            values = {
                key: (value or "").strip() for key, value in cells.items() if isinstance(value, str | None)
            }
            case_id = values["case_id"]
            row = CaseRow(
                case_id,
                values.get("quality") or "hq",
                values.get("split") or "train",
                values.get("group") or case_id,
                values.get("source", ""),
            )
            if row.quality not in QUALITIES or row.split not in SPLITS or not case_id:
                raise DataError(
                    f"{path}, line {line}: expected a case_id, a quality of {'|'.join(QUALITIES)} and a "
                    f"split of {'|'.join(SPLITS)}, found '{case_id}', '{row.quality}', '{row.split}'. "
                    "Correct the line."
                )
            if not is_file_name(case_id):
                raise DataError(
                    f"{path}, line {line}: expected a case_id that can be a file name, without a slash and "
                    f"not beginning with a dot, found '{case_id}'. Rename the case."
                )
            if case_id in rows:
                raise DataError(
                    f"{path}, line {line}: expected each case once, found '{case_id}' again "
                    f"(split {rows[case_id].split} and {row.split}). Remove one of the lines."
                )
            rows[case_id] = row
    if not rows:
        raise DataError(f"{path}: expected at least one case, found none. Add lines or remove the file.")
    return tuple(rows.values())


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdigit()
