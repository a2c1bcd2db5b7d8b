"""A dataset on disk: nnU-Net v2 raw layout plus `cases.csv`; MSD folders are opened as they are.

    dataset.json    channel_names, labels, numTraining, file_ending
    cases.csv       case_id, quality (hq|lq|unlabeled), split (train|val|test), group, source
    imagesTr/ labelsTr/    split train and val          imagesTs/ labelsTs/    split test
    imagesUn/              training images without label

Without `cases.csv` every case with a label is `hq`, `imagesTr` is `train` and `imagesTs` is `test`.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.data.case import Case, Volume
from alcseg.data.nifti import read_image, read_label, require_same_grid, shorten
from alcseg.errors import DataError, LabelError
from alcseg.files import read_json, write_json, write_text

__all__ = [
    "CASES",
    "QUALITIES",
    "SPLITS",
    "CaseRow",
    "DatasetFolder",
    "parse_labels",
    "require_named_values",
    "write_cases",
    "write_dataset_json",
]

CASES = "cases.csv"
QUALITIES = ("hq", "lq", "unlabeled")
SPLITS = ("train", "val", "test")
_FOLDERS = {"train": ("imagesTr", "imagesUn"), "val": ("imagesTr",), "test": ("imagesTs",)}


@dataclass(frozen=True)
class CaseRow:
    """One line of `cases.csv`: the case, how far its label is trusted, its split, its group and its origin."""

    case_id: str
    quality: str
    split: str
    group: str
    source: str


@dataclass(frozen=True, eq=False)
class DatasetFolder:
    """An opened dataset folder; `DatasetFolder.open` makes it.

    Attributes:
        root: The folder.
        name: Name of the dataset.
        channel_names: Channel number to name, as nnU-Net writes them.
        labels: Class name to value, background first, then by value.
        file_ending: `.nii.gz` or `.nii`.
        rows: The cases, in the order of `cases.csv`, else by name.
        meta: `dataset.json` as it is.
    """

    root: Path
    name: str
    channel_names: dict[str, str]
    labels: dict[str, int]
    file_ending: str
    rows: tuple[CaseRow, ...]
    meta: dict[str, Any]

    @classmethod
    def open(cls, root: Path, *, require_images: bool = True) -> "DatasetFolder":
        """Read `dataset.json` and `cases.csv`; no volume is opened.

        Args:
            root: The dataset folder.
            require_images: Raise if an image file of a listed case is absent.

        Raises:
            DataError: If `dataset.json` is absent or incomplete, `cases.csv` is malformed, or a case has no image.
        """
        root = Path(root)
        if not (root / "dataset.json").is_file():
            raise DataError(
                f"{root}: expected a dataset folder with dataset.json, found none. "
                "Make one with `alcseg import SRC DST`, or check the path."
            )
        meta = read_json(root / "dataset.json")
        if not isinstance(meta, dict) or not isinstance(meta.get("labels"), dict):
            raise DataError(
                f"{root / 'dataset.json'}: expected the key 'labels' with names and values. Add it."
            )
        channels = meta.get("channel_names") or meta.get("modality") or {"0": "image"}
        ending = str(meta.get("file_ending", ".nii.gz"))
        labels = parse_labels(meta["labels"], root / "dataset.json")
        table = root / CASES
        rows = (
            _read_cases(table)
            if table.is_file()
            else _list_cases(root, ending, meta.get("label_quality", {}))
        )
        names = {str(index): str(name) for index, name in channels.items()}
        folder = cls(root, str(meta.get("name", root.name)), names, labels, ending, rows, meta)
        absent = folder.absent_cases() if require_images else ()
        if absent:
            raise DataError(
                f"{table}: expected image files for all {len(rows)} cases, found none for {shorten(absent)}. "
                "Restore the files or remove the lines."
            )
        return folder

    @cached_property
    def label_values(self) -> tuple[int, ...]:
        """Values of all classes, background first."""
        return tuple(self.labels.values())

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """Names of all classes in the order of `label_values`."""
        return tuple(self.labels)

    @cached_property
    def _by_id(self) -> dict[str, CaseRow]:
        return {row.case_id: row for row in self.rows}

    def select(self, *, split: str | None = None, quality: str | None = None) -> tuple[CaseRow, ...]:
        """The cases of a split and a quality, in order; None stands for any."""
        return tuple(
            row for row in self.rows if split in (None, row.split) and quality in (None, row.quality)
        )

    def row(self, case_id: str) -> CaseRow:
        """The line of one case.

        Raises:
            DataError: If there is no such case.
        """
        try:
            return self._by_id[case_id]
        except KeyError:
            raise DataError(
                f"{self.root}: expected a case of this dataset, found no '{case_id}'. Check the name."
            ) from None

    def absent_cases(self) -> tuple[str, ...]:
        """Cases listed in `cases.csv` of which an image file is absent."""
        return tuple(row.case_id for row in self.rows if not self._find_images(row))

    def image_paths(self, case_id: str) -> tuple[Path, ...]:
        """Image files of a case, one per channel.

        Raises:
            DataError: If one is absent.
        """
        row = self.row(case_id)
        paths = self._find_images(row)
        if not paths:
            folders = " or ".join(_FOLDERS[row.split])
            raise DataError(
                f"{self.root}: expected {len(self.channel_names)} image file(s) of case '{case_id}' as "
                f"{folders}/{case_id}_0000{self.file_ending}, found none or too few. "
                f"Restore them or remove the case from {CASES}."
            )
        return paths

    def label_path(self, case_id: str) -> Path | None:
        """Label file of a case; None if there is none."""
        folder = "labelsTs" if self.row(case_id).split == "test" else "labelsTr"
        path = self.root / folder / f"{case_id}{self.file_ending}"
        return path if path.is_file() else None

    def read(self, case_id: str, *, with_label: bool = True) -> Case:
        """Read and check one case.

        Args:
            case_id: The case.
            with_label: Whether to read the label; a case declared `unlabeled` has none then, too.

        Raises:
            DataError: If a file cannot be used, or a label is absent though the case is not declared `unlabeled`.
            GeometryError: If channels or label do not share one grid.
            LabelError: If the label holds values that `dataset.json` does not name.
        """
        images = tuple(read_image(path) for path in self.image_paths(case_id))
        for other in images[1:]:
            require_same_grid(images[0], other, case_id)
        if not with_label or self.row(case_id).quality == "unlabeled":
            return Case(case_id, images, None)
        label = self.read_label(case_id)
        require_same_grid(images[0], label, case_id)
        return Case(case_id, images, label)

    def read_label(self, case_id: str) -> Volume:
        """Read the label of one case and check its values, without its images.

        Raises:
            DataError: If it is absent or cannot be read.
            LabelError: If it holds values that `dataset.json` does not name.
        """
        path = self.label_path(case_id)
        if path is None:
            folder = "labelsTs" if self.row(case_id).split == "test" else "labelsTr"
            raise DataError(
                f"{self.root}: expected the label {folder}/{case_id}{self.file_ending}, found none. "
                f"Add it, or set the quality of '{case_id}' to unlabeled in {CASES}."
            )
        label = read_label(path)
        require_named_values(label, self.labels)
        return label

    def _find_images(self, row: CaseRow) -> tuple[Path, ...]:
        for name in _FOLDERS[row.split]:
            folder = self.root / name
            paths = [
                folder / f"{row.case_id}_{index:04d}{self.file_ending}"
                for index in range(len(self.channel_names))
            ]
            if all(path.is_file() for path in paths):
                return tuple(paths)
            plain = folder / f"{row.case_id}{self.file_ending}"
            if len(paths) == 1 and plain.is_file():
                return (plain,)
        return ()


def require_named_values(label: Volume, labels: Mapping[str, int]) -> None:
    """Raise unless every value of a label map has a name.

    Raises:
        LabelError: If one has none; the message names the `--label-map` that may be meant.
    """
    found, counts = np.unique(label.array, return_counts=True)
    unknown = [
        (int(value), int(count))
        for value, count in zip(found, counts, strict=True)
        if value not in labels.values()
    ]
    if not unknown:
        return
    present = set(found.tolist())
    free = [value for value in list(labels.values())[1:] if value not in present] or list(labels.values())[
        -1:
    ]
    guess = f"{unknown[0][0]}={free[0]}"
    remedy = (
        "With this many values it looks like an image; give the label file instead."
        if len(unknown) > 50
        else f"Import with --label-map {guess} if that is what is meant, or name the value in dataset.json."
    )
    raise LabelError(
        f"{label.path}: expected the values {shorten(f'{value} ({name})' for name, value in labels.items())} of "
        f"dataset.json, found {shorten(f'{value} in {count} voxels' for value, count in unknown)}. {remedy}"
    )


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


def parse_labels(raw: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Class name to value from nnU-Net's form (name: value) or MSD's (value: name)."""
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
                "Regions of several values are not supported; name each value."
            )
    if any(name == "ignore" for name, _ in pairs):
        raise DataError(
            f"{path}: expected classes only, found the label 'ignore', which is not supported. Map it away."
        )
    background = next((pair for pair in pairs if pair[0] == "background"), None) or next(
        (pair for pair in pairs if pair[1] == 0), None
    )
    if background is None or len(pairs) < 2:
        raise DataError(
            f"{path}: expected 'background' and at least one further label, found {shorten(raw)}. Add them."
        )
    labels = dict(
        [background, *sorted((pair for pair in pairs if pair != background), key=lambda pair: pair[1])]
    )
    if len(labels) != len(raw) or len(set(labels.values())) != len(raw):
        raise DataError(
            f"{path}: expected each label name and value once, found one twice among {shorten(pairs)}."
        )
    return labels


def _read_cases(path: Path) -> tuple[CaseRow, ...]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if "case_id" not in (reader.fieldnames or ()):
            raise DataError(
                f"{path}: expected a header line with the column case_id, found {reader.fieldnames}. Add it."
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
                    f"{path}, line {line}: expected a case_id, a quality of {'|'.join(QUALITIES)} and a split of "
                    f"{'|'.join(SPLITS)}, found '{case_id}', '{row.quality}', '{row.split}'. Correct the line."
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


def _list_cases(root: Path, ending: str, quality: Mapping[str, Any]) -> tuple[CaseRow, ...]:
    rows = []
    for images, labels, split in (
        ("imagesTr", "labelsTr", "train"),
        ("imagesUn", "", "train"),
        ("imagesTs", "labelsTs", "test"),
    ):
        for case_id in _case_ids(root / images, ending):
            labeled = (
                images == "imagesTr" or (root / labels / f"{case_id}{ending}").is_file() and bool(labels)
            )
            given = quality.get(case_id, "hq") if labeled else "unlabeled"
            if given not in QUALITIES:
                raise DataError(
                    f"{root / 'dataset.json'}: expected hq, lq or unlabeled in label_quality, found {given!r}."
                )
            rows.append(CaseRow(case_id, given, split, case_id, ""))
    if not rows:
        raise DataError(
            f"{root}: expected images named imagesTr/<case>_0000{ending}, found none. Check the folder."
        )
    return tuple(rows)


def _case_ids(folder: Path, ending: str) -> list[str]:
    stems = {path.name[: -len(ending)] for path in folder.glob(f"*{ending}") if not path.name.startswith(".")}
    return sorted({stem[:-5] if stem[-5:-4] == "_" and stem[-4:].isdigit() else stem for stem in stems})


def _is_int(text: str) -> bool:
    return text.lstrip("-").isdigit()
