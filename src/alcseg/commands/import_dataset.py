"""`alcseg import`: somebody's files become a dataset folder, with the splits drawn once."""

import logging
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.commands.progress import track
from alcseg.data.case import Case, Volume
from alcseg.data.folder import DatasetFolder, require_named_values
from alcseg.data.nifti import compare_grids, read_image, read_label, require_same_grid
from alcseg.data.readers import ReaderOptions, SourceCase, SourceDataset, find_reader
from alcseg.data.splits import draw_splits, read_hq_list
from alcseg.data.writer import compress, write_image, write_label
from alcseg.errors import DataError, UsageError
from alcseg.files import link_or_copy, output_folder, require_apart
from alcseg.records.cases import CaseRow, Quality, Split, is_file_name
from alcseg.records.dataset import DatasetRecord
from alcseg.types import Spacing
from alcseg.words import shorten

__all__ = ["import_dataset"]

_log = logging.getLogger(__name__)


def import_dataset(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    format: str = "auto",
    test_source: str | os.PathLike[str] | None = None,
    val_fraction: float = 0.0,
    test_fraction: float = 0.0,
    seed: int = 0,
    in_order: bool = False,
    hq_list: Path | None = None,
    spacing: Spacing | None = None,
    label_map: Mapping[int, int] | None = None,
    overwrite: bool = False,
) -> DatasetFolder:
    """Make a dataset folder from `source`, which is never written to.

    NIfTI images are linked or copied as they are; DICOM and h5 are converted. Every volume is read and
    checked once on the way. Labels on a grid whose header differs repairably are taken over as they are, for
    `alcseg check --fix`.

    Args:
        source: Folder to import.
        target: Dataset folder to make.
        format: Name of the layout, or `auto`.
        test_source: Folder of the same layout, all of whose cases test; those of `source` do not then.
        val_fraction: Share of the HQ cases drawn for validation; at 0 the source's own stay. Cases that share
            a group with an LQ case train.
        test_fraction: The same for the test. Cases that stay do not count into the shares.
        seed: Of the draw.
        in_order: Draw nothing: the last cases of the source test, those before them validate.
        hq_list: Text file with one case a line: these are `hq`, all other labeled cases `lq`.
        spacing: Voxel size in mm for layouts that do not store it.
        label_map: Label value in the files to value wanted.
        overwrite: Replace a target folder that is not empty.

    Returns:
        The dataset folder, opened.

    Raises:
        UsageError: If the target is not empty, a fraction is out of range or the format is unknown.
        DataError: If a file, a grid or a label value cannot be used; nothing is left behind then.
    """
    source, target = Path(source), Path(target)
    require_apart(target, source)
    options = ReaderOptions(spacing, dict(label_map or {}))
    reader = find_reader(source, format)
    if spacing is not None and not reader.uses_spacing:
        raise UsageError(f"{source}: expected no --spacing, since these files state their own. Leave it out.")
    found = reader.scan(source, options)
    if test_source is not None:
        if test_fraction:
            raise UsageError(
                f"expected either a folder of test cases or --test-fraction, got {test_source} and "
                f"{test_fraction:g}. Leave out one."
            )
        train = [replace(case, split=None) if case.split == "test" else case for case in found.cases]
        test = [replace(case, split="test") for case in reader.scan(Path(test_source), options).cases]
        found = replace(found, cases=(*train, *test))
    _require_unique(found.cases, source)
    labels = _mapped_labels(found.labels, options.label_map)
    draw = partial(
        draw_splits, val_fraction=val_fraction, test_fraction=test_fraction, seed=seed, in_order=in_order
    )
    rows = _rows(found, draw, redrawn={"val": val_fraction > 0, "test": test_fraction > 0}, hq_list=hq_list)
    repairable: list[str] = []
    with output_folder(target, overwrite=overwrite) as root:
        placer = _Placer(root, _ending(found.cases), labels, options.label_map)
        pairs = list(zip(found.cases, rows, strict=True))
        for case, row in track(pairs, "Importing cases"):
            if not placer.place(case, row):
                repairable.append(case.case_id)
        CaseRow.write(root, rows)
        DatasetRecord(
            name=found.name,
            channel_names=found.channel_names,
            labels=labels,
            num_training=sum(row.split != "test" and row.quality != "unlabeled" for row in rows),
            file_ending=placer.ending,
            extra=dict(found.extra),
        ).write(root)
    if repairable:
        _log.warning(
            "%d labels have another header than their image (%s): see `alcseg check %s`, and add --fix "
            "if the voxels match",
            len(repairable),
            shorten(repairable),
            target,
        )
    return DatasetFolder.open(target)


@dataclass(frozen=True)
class _Placer:
    """Puts checked cases into the folder under construction."""

    root: Path
    ending: str
    labels: Mapping[str, int]
    label_map: Mapping[int, int]

    def place(self, source: SourceCase, row: CaseRow) -> bool:
        """Place one case; False if its label needs `check --fix`."""
        case = source.load() if source.load else _read(source)
        for other in case.images[1:]:
            require_same_grid(case.images[0], other, source.case_id)
        folder = "imagesUn" if row.quality == "unlabeled" and row.split != "test" else _IMAGES[row.split]
        for index, volume in enumerate(case.images):
            target = self.root / folder / f"{source.case_id}_{index:04d}{self.ending}"
            if source.load:
                write_image(target, volume)
            elif target.name.endswith(".gz") and not volume.path.name.endswith(".gz"):
                compress(volume.path, target)
            else:
                link_or_copy(volume.path, target)
        if case.label is None or row.quality == "unlabeled":
            return True
        return self._place_label(case.label, case.images[0], source, row)

    def _place_label(self, label: Volume, image: Volume, source: SourceCase, row: CaseRow) -> bool:
        values = _mapped_values(label, self.label_map)
        require_named_values(replace(label, array=values), self.labels)
        if compare_grids(image, label).grade == "fatal":
            require_same_grid(image, label, source.case_id)
        target = self.root / _LABELS[row.split] / f"{source.case_id}{self.ending}"
        # Not linked: an editor that later saves the label in place must not reach into the source.
        write_label(target, values, label)
        return compare_grids(image, label).grade == "ok"


_IMAGES = {"train": "imagesTr", "val": "imagesTr", "test": "imagesTs"}
_LABELS = {"train": "labelsTr", "val": "labelsTr", "test": "labelsTs"}


def _read(source: SourceCase) -> Case:
    label = None if source.label is None else read_label(source.label)
    return Case(source.case_id, tuple(read_image(path) for path in source.images), label)


def _require_unique(cases: tuple[SourceCase, ...], source: Path) -> None:
    seen: dict[str, SourceCase] = {}
    if not cases:
        raise DataError(f"{source}: expected at least one case, found none. Check the folder and --format.")
    for case in cases:
        if case.case_id in seen:
            raise DataError(
                f"{source}: expected each case name once, found '{case.case_id}' as "
                f"{seen[case.case_id].source} and {case.source}. Rename one of them."
            )
        if not is_file_name(case.case_id):
            raise DataError(
                f"{source}: expected a case name that can be a file name, found '{case.case_id}'. Rename it."
            )
        seen[case.case_id] = case


def _rows(
    found: SourceDataset,
    draw: Callable[[Mapping[str, str]], dict[str, Split]],
    *,
    redrawn: Mapping[str, bool],
    hq_list: Path | None,
) -> tuple[CaseRow, ...]:
    labeled = [case.case_id for case in found.cases if _is_labeled(case)]
    hq = None if hq_list is None else read_hq_list(hq_list, labeled)
    quality = {case.case_id: _quality(case, hq) for case in found.cases}
    doubtful = {case.group or case.case_id for case in found.cases if quality[case.case_id] == "lq"}
    groups: dict[str, str] = {}
    kept: dict[str, Split] = {}
    for case in found.cases:
        group, split = case.group or case.case_id, case.split or "train"
        if not _is_labeled(case) or not redrawn.get(split, True):
            kept[case.case_id] = split
        elif group in doubtful:  # a score against a label of low quality says nothing
            kept[case.case_id] = "train"
        else:
            groups[case.case_id] = group
    splits = kept | draw(groups)
    return tuple(
        CaseRow(
            case_id=case.case_id,
            quality=quality[case.case_id],
            split=splits[case.case_id],
            group=case.group or case.case_id,
            source=case.source,
        )
        for case in found.cases
    )


def _quality(case: SourceCase, hq: Collection[str] | None) -> Quality:
    if not _is_labeled(case):
        return "unlabeled"
    if hq is None:
        return case.quality or "hq"
    return "hq" if case.case_id in hq else "lq"


def _is_labeled(case: SourceCase) -> bool:
    return (case.label is not None or case.load is not None) and case.quality != "unlabeled"


def _mapped_labels(labels: Mapping[str, int], label_map: Mapping[int, int]) -> dict[str, int]:
    """Class names that still have a value once the map is applied."""
    gone = set(label_map) - set(label_map.values())
    return {name: value for name, value in labels.items() if value not in gone}


def _mapped_values(label: Volume, label_map: Mapping[int, int]) -> NDArray[Any]:
    values = label.array
    if not any((values == old).any() for old in label_map):
        return values
    wide = values.astype(np.int64)
    for old, new in label_map.items():
        wide[values == old] = new
    return wide


def _ending(cases: tuple[SourceCase, ...]) -> str:
    files = [path for case in cases for path in case.images]
    plain = bool(files) and all(path.name.endswith(".nii") for path in files)
    return ".nii" if plain else ".nii.gz"
