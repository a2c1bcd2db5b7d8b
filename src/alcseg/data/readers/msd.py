"""Medical Segmentation Decathlon: `dataset.json` lists `training` pairs of image and label and `test` images.

The raw tasks of the first nnU-Net are alike, but for the files, which have the number of the channel. Where
there are several channels and one file a case, they lie along its fourth axis.

Source:
    Antonelli et al., Nature Communications 13, 2022, doi:10.1038/s41467-022-30695-9; http://medicaldecathlon.com
"""

import glob
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from alcseg.data.nifti_file import nifti_stem
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.described import described_layout, read_description
from alcseg.data.stated_count import count_fault
from alcseg.data.unused import FOLDERS, tell_unused, unused_files
from alcseg.errors import DataError
from alcseg.listing import has_file, list_files
from alcseg.records.cases import Split
from alcseg.records.dataset import parse_channels, parse_ignore, parse_labels
from alcseg.words import shorten

__all__ = ["MSDReader"]

_log = logging.getLogger(__name__)

_KEPT = ("description", "reference", "licence", "release")


class MSDReader(Reader):
    """Folders of the decathlon; test images, which have no labels, become unlabeled test cases."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether `dataset.json` has a list called `training`."""
        return described_layout(source) == "msd"

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases in the order of `dataset.json`."""
        table = source / "dataset.json"
        content = read_description(source)
        training, test = content.get("training"), content.get("test") or []
        if (
            not isinstance(training, list)
            or not isinstance(test, list)
            or not isinstance(content.get("labels"), dict)
        ):
            raise DataError(
                f"{table}: expected the keys 'training' and 'labels' of the decathlon. Check the folder."
            )
        channels = parse_channels(content.get("modality") or content.get("channel_names"), table)
        cases = [_case(source, entry, None) for entry in training]
        cases += [_case(source, entry, "test") for entry in test]
        if all(
            case.case_id.endswith("_0000") for case in cases
        ):  # the only channel, which is no part of a name
            cases = [replace(case, case_id=case.case_id.removesuffix("_0000")) for case in cases]
        if unlabeled := [case.case_id for case in cases if case.label is None and case.split is None]:
            _log.warning("%s: no 'label' is listed for %s, which are unlabeled", table, shorten(unlabeled))
        if fault := count_fault(content.get("numTraining"), len(training), table):
            _log.warning(fault)
        used = {path for case in cases for path in (*case.images, case.label) if path is not None}
        tell_unused(source, unused_files((source / name for name in FOLDERS), used))
        return SourceDataset(
            str(content.get("name", source.name)),
            channels,
            parse_labels(content["labels"], table),
            tuple(replace(case, stacked=len(channels) > 1 and len(case.images) == 1) for case in cases),
            {key: content[key] for key in _KEPT if key in content},
            ignore=parse_ignore(content["labels"], table),
        )


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
            f"{source / 'dataset.json'}: expected NIfTI files (.nii or .nii.gz), found '{image}'. Convert it "
            "first."
        )
    label = source / pair["label"] if isinstance(pair.get("label"), str) else None
    return SourceCase(stem, _files(source / image, stem), label, split=split, source=image.as_posix())


def _files(listed: Path, stem: str) -> tuple[Path, ...]:
    """The file as listed; or the channels `<case>_0000`, ... that the first nnU-Net lists without number."""
    if has_file(listed):
        return (listed,)
    ending = listed.name.removeprefix(stem)
    pattern = f"{glob.escape(stem)}_[0-9][0-9][0-9][0-9]{glob.escape(ending)}"
    return tuple(list_files(listed.parent, pattern)) or (listed,)
