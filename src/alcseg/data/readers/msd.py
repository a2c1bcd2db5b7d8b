"""Medical Segmentation Decathlon: `dataset.json` lists `training` pairs of image and label and `test` images.

The raw tasks of the first nnU-Net are alike, but for the files, which have the number of the channel.

Source:
    Antonelli et al., Nature Communications 13, 2022, doi:10.1038/s41467-022-30695-9; http://medicaldecathlon.com
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from alcseg.data.nifti import nifti_stem
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.errors import DataError
from alcseg.files import read_json
from alcseg.listing import has_file, list_files
from alcseg.records.cases import Split
from alcseg.records.dataset import parse_channels, parse_labels

__all__ = ["MSDReader"]

_KEPT = ("description", "reference", "licence", "release")


class MSDReader(Reader):
    """Folders of the decathlon; test images, which have no labels, become unlabeled test cases."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether `dataset.json` has a list called `training`."""
        table = source / "dataset.json"
        return has_file(table) and isinstance(_content(table).get("training"), list)

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases in the order of `dataset.json`."""
        table = source / "dataset.json"
        content = _content(table)
        if not isinstance(content.get("training"), list) or not isinstance(content.get("labels"), dict):
            raise DataError(
                f"{table}: expected the keys 'training' and 'labels' of the decathlon. Check the folder."
            )
        cases = [_case(source, entry, None) for entry in content["training"]]
        cases += [_case(source, entry, "test") for entry in content.get("test", [])]
        if all(
            case.case_id.endswith("_0000") for case in cases
        ):  # the only channel, which is no part of a name
            cases = [replace(case, case_id=case.case_id.removesuffix("_0000")) for case in cases]
        return SourceDataset(
            str(content.get("name", source.name)),
            parse_channels(content.get("modality"), table),
            parse_labels(content["labels"], table),
            tuple(cases),
            {key: content[key] for key in _KEPT if key in content},
        )


def _content(table: Path) -> dict[str, Any]:
    content = read_json(table)
    return content if isinstance(content, dict) else {}


def _case(source: Path, entry: Any, split: Split | None) -> SourceCase:
    pair = {"image": entry} if isinstance(entry, str) else entry
    if not isinstance(pair, dict) or not isinstance(pair.get("image"), str):
        raise DataError(
            f"{source / 'dataset.json'}: expected an entry with 'image' and 'label', found {entry!r}. "
            "Correct it."
        )
    image = Path(pair["image"])
    stem = nifti_stem(image)
    if stem is None:
        raise DataError(
            f"{source / image}: expected a NIfTI file (.nii or .nii.gz) in dataset.json. Convert it first."
        )
    label = source / pair["label"] if isinstance(pair.get("label"), str) else None
    return SourceCase(stem, _files(source / image, stem), label, split=split, source=image.as_posix())


def _files(listed: Path, stem: str) -> tuple[Path, ...]:
    """The file as listed; or the channels `<case>_0000`, ... that the first nnU-Net lists without number."""
    if has_file(listed):
        return (listed,)
    ending = listed.name.removeprefix(stem)
    beside = [path for path in list_files(listed.parent, f"*{ending}") if path.name.startswith(stem)]
    numbered = re.compile(rf"{re.escape(stem)}_\d{{4}}{re.escape(ending)}")
    return tuple(path for path in beside if numbered.fullmatch(path.name)) or (listed,)
