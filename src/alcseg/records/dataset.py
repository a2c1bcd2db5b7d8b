"""`dataset.json`: channels and classes of a dataset, as nnU-Net v2 and the decathlon (MSD) write it, too."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field

from alcseg.case_ids import check_text
from alcseg.errors import DataError
from alcseg.records.base import Document
from alcseg.records.cases import Quality
from alcseg.records.regions import plain_classes, regions_of
from alcseg.words import shorten

__all__ = ["IGNORE", "DatasetRecord", "parse_channels", "parse_ignore", "parse_labels"]

IGNORE = "ignore"
"""Name of the value of voxels that nobody labeled, as nnU-Net has it."""

# `modality` is MSD's word for channel names; the others describe the folder that the file came with.
_LEFT_OUT = (
    "modality", "training", "test", "numTest", "tensorImageSize", "dataset", "regions_class_order",
)  # fmt: skip


class DatasetRecord(Document):
    """What a dataset consists of; valid for nnU-Net, so the file has no number of its format.

    Further keys, such as `licence`, stand at the top of the file, `regions` among them where nnU-Net's labels
    were such. Lists of files are left out.
    """

    NAME = "dataset.json"
    MADE_BY = "`alcseg import`"
    FORMAT = None
    SPREAD = "extra"

    name: str
    """Of the dataset."""
    channel_names: dict[str, str]
    """Channel number to name."""
    labels: dict[str, int]
    """Class name to value, background first, then by value. In the file the value of voxels that nobody
    labeled stands among them as `ignore`, the highest."""
    ignore: int | None = Field(None, exclude=True)
    """That value, which is no class; None where all voxels are labeled."""
    num_training: int = Field(0, alias="numTraining")
    """Number of cases in `imagesTr`, which are those of the splits `train` and `val`."""
    file_ending: str = ".nii.gz"
    """Of all volumes."""
    label_quality: dict[str, Quality] = Field({}, exclude=True)
    """Case to quality where there is no `cases.csv`; read and never written."""
    extra: dict[str, Any] = {}
    """Further keys."""

    @classmethod
    def parse(cls, content: dict[str, Any], path: Path) -> Self:
        """Make a record of the content of a file, of nnU-Net's form or the decathlon's.

        Raises:
            DataError: If `labels` is absent, or it or the channel names cannot be understood.
        """
        if not isinstance(content.get("labels"), dict):
            raise DataError(f"{path}: expected the key 'labels' with names and values. Add it.")
        kept = {key: value for key, value in content.items() if key not in _LEFT_OUT}
        if not isinstance(kept.get("numTraining"), int):
            kept.pop("numTraining", None)
        regions = regions_of(_without_ignore(content["labels"]), path)
        ending = content.get("file_ending", ".nii.gz")
        if ending not in (".nii.gz", ".nii"):
            raise DataError(
                f"{path}: expected the file_ending .nii.gz or .nii, found {ending!r:.60}. Convert the files: "
                "`alcseg import SRC DST` makes a dataset of .nrrd, .mha and .mgz files."
            )
        understood = {
            "name": str(content.get("name", path.parent.name)),
            "channel_names": parse_channels(content.get("channel_names") or content.get("modality"), path),
            "labels": parse_labels(content["labels"], path),
            "ignore": parse_ignore(content["labels"], path),
        }
        return super().parse(kept | understood | ({"regions": regions} if regions else {}), path)

    def content(self) -> dict[str, Any]:
        """As nnU-Net has it: the value of voxels that nobody labeled is the last of the labels."""
        plain = super().content()
        if self.ignore is not None:
            plain["labels"] = plain["labels"] | {IGNORE: self.ignore}
        return plain


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
    if odd := [name for name in names.values() if not isinstance(name, str | int | float)]:
        raise DataError(f"{path}: expected a name for each channel, found {odd[0]!r:.60}. Correct it.")
    numbers = {str(index): str(name) for index, name in names.items()}
    wanted = [str(number) for number in range(len(numbers))]
    if sorted(numbers, key=lambda number: (len(number), number)) != wanted:
        raise DataError(
            f"{path}: expected the channels numbered {shorten(wanted)}, found {shorten(numbers)}. "
            "Correct the numbers."
        )
    return {number: check_text(numbers[number], "channel name", path) for number in wanted}


def parse_labels(raw: Mapping[str, Any], path: Path) -> dict[str, int]:
    """Class name to value, background first, from nnU-Net's form (name: value) or MSD's (value: name).

    Regions, to which nnU-Net gives lists of values, become the classes of `plain_classes`. The value `ignore`
    is none of them; see `parse_ignore`.

    Raises:
        DataError: If a label has no whole number, a value comes twice, or there is no background.
    """
    raw = _without_ignore(raw)
    if regions := regions_of(raw, path):
        raw = plain_classes(regions, path)
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
                f"{path}: expected one whole number per label, found {value!r} for '{key}'. Name each value."
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
    for name, _ in pairs:
        check_text(name, "label name", path)
    labels = dict(
        [background, *sorted((pair for pair in pairs if pair != background), key=lambda pair: pair[1])]
    )
    if len(labels) != len(raw) or len(set(labels.values())) != len(raw):
        raise DataError(
            f"{path}: expected each label name and value once, found one twice among {shorten(pairs)}."
        )
    return labels


def parse_ignore(raw: Mapping[str, Any], path: Path) -> int | None:
    """The value of voxels that nobody labeled, from a label of the name `ignore`; None where there is none.

    Raises:
        DataError: If it is no whole number, or not the highest of the values, as nnU-Net wants it.
    """
    named = _find_ignore(raw)
    if named is None:
        return None
    key, value = named
    if isinstance(value, str | bool):
        value = int(key) if _is_int(key) else int(value) if str(value).isdecimal() else None
    highest = max(parse_labels(raw, path).values())
    if not isinstance(value, int) or value <= highest:
        raise DataError(
            f"{path}: expected for 'ignore', the value of voxels that nobody labeled, a whole number above "
            f"all classes ({highest}), found {named[1] if value is None else value!r}. Give it such a value "
            "here and in the label files."
        )
    return value


def _without_ignore(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The labels without the one that is no class."""
    named = _find_ignore(raw)
    return {key: value for key, value in raw.items() if named is None or key != named[0]}


def _find_ignore(raw: Mapping[str, Any]) -> tuple[str, Any] | None:
    """The entry of the name `ignore`, in nnU-Net's form (name: value) or MSD's (value: name)."""
    return next(((key, value) for key, value in raw.items() if IGNORE in (key, value)), None)


def _is_int(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
