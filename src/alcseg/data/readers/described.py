"""Folders with a `dataset.json`: which of the two forms it has, told in one place.

The decathlon and the first nnU-Net list their files under `training`; the second nnU-Net takes what lies in
`imagesTr`, or lists files by case under `dataset`.
"""

from pathlib import Path
from typing import Any, Literal

from alcseg.files import read_json
from alcseg.listing import has_file, has_folder
from alcseg.records.dataset import DatasetRecord

__all__ = ["described_layout", "read_description"]


def described_layout(source: Path) -> Literal["msd", "nnunet"] | None:
    """The layout that `dataset.json` speaks of; None without one, or if it has neither form.

    Raises:
        DataError: If the file cannot be read.
    """
    if not has_folder(source) or not has_file(DatasetRecord.path(source)):
        return None
    content = read_description(source)
    has_images = has_folder(source / "imagesTr")
    training = content.get("training")
    if isinstance(training, list) and (training or not has_images):
        return "msd"
    return "nnunet" if has_images or isinstance(content.get("dataset"), dict) else None


def read_description(source: Path) -> dict[str, Any]:
    """What stands in `dataset.json`; nothing if it is no table.

    Raises:
        DataError: If the file cannot be read.
    """
    content = read_json(DatasetRecord.path(source))
    return content if isinstance(content, dict) else {}
