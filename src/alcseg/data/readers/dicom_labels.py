"""Labels of DICOM series in a source: SEG and RTSTRUCT files, which state to which series they belong.

Where they lie and what they are called does not count. A segmentation refers to its series in
`ReferencedSeriesSequence`, a structure set in `ReferencedFrameOfReferenceSequence` (PS3.3, C.8.20, C.8.8.5).
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from alcseg.data.case import CaseVolumes
from alcseg.data.formats import FORMATS, read_label
from alcseg.data.formats.dicom_label import RTSTRUCT, SEGMENTATIONS
from alcseg.data.formats.segments import class_values
from alcseg.data.readers.base import ReaderOptions, SourceCase
from alcseg.data.readers.dicom_files import dicom_files, read_dicom, reading
from alcseg.errors import DataError
from alcseg.listing import folders_below
from alcseg.words import shorten

__all__ = ["label_files", "with_labels"]

_log = logging.getLogger(__name__)

_TAGS = ["SOPClassUID", "SeriesInstanceUID", "ReferencedSeriesSequence", "ReferencedFrameOfReferenceSequence"]


def label_files(source: Path) -> dict[Path, frozenset[str]]:
    """Segmentations and structure sets below a folder, and the series that each refers to."""
    found: dict[Path, frozenset[str]] = {}
    for folder in folders_below(source):
        for path in dicom_files(folder):
            one = _header(path)
            if one.get("SOPClassUID") in (RTSTRUCT, *SEGMENTATIONS):
                with reading(path):
                    found[path] = frozenset(_referenced(one))
    return found


def with_labels(
    cases: Sequence[SourceCase], labels: dict[Path, frozenset[str]], options: ReaderOptions
) -> tuple[tuple[SourceCase, ...], dict[str, int]]:
    """The cases with their labels, and the classes that these name.

    Args:
        cases: Each with the folder of its series.
        labels: What `label_files` found.
        options: Of the import.

    Raises:
        DataError: If two files belong to one series.
    """
    by_case: dict[str, Path] = {}
    for case in cases:
        slices = (path for path in dicom_files(case.images[0]) if path not in labels)
        series = {str(_header(path).get("SeriesInstanceUID")) for path in islice(slices, 1)}
        mine = [path for path, referenced in labels.items() if series & referenced]
        if len(mine) > 1:
            raise DataError(
                f"{case.images[0]}: expected one file of labels for the series, found {shorten(mine)}. "
                "Move all but one out."
            )
        if mine:
            by_case[case.case_id] = mine[0]
    if strange := [path for path in labels if path not in by_case.values()]:
        _log.warning("labels of series that are not there are left out: %s", shorten(strange))
    dicom = FORMATS["dicom-seg"]
    classes = class_values(dicom.named_values(path) or {} for path in by_case.values())
    return tuple(
        replace(
            case,
            label=by_case[case.case_id],
            load=partial(_load, case, by_case[case.case_id], classes, options.priority),
            quality=None,
        )
        if case.case_id in by_case
        else case
        for case in cases
    ), classes


def _load(case: SourceCase, path: Path, classes: dict[str, int], priority: Sequence[str]) -> CaseVolumes:
    images = case.read().images
    return CaseVolumes(case.case_id, images, read_label(path, classes, images[0], priority))


def _header(path: Path) -> Any:
    return read_dicom(path, stop_before_pixels=True, specific_tags=_TAGS)


def _referenced(one: Any) -> Iterator[str]:
    """Series that a file refers to."""
    for series in one.get("ReferencedSeriesSequence") or ():
        yield str(series.SeriesInstanceUID)
    for frame in one.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for series in study.get("RTReferencedSeriesSequence") or ():
                yield str(series.SeriesInstanceUID)
