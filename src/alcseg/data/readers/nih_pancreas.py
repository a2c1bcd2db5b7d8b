"""NIH Pancreas-CT as The Cancer Imaging Archive gives it out: DICOM series, and labels in another folder.

    PANCREAS_0001/<study>/<series>/*.dcm             one series a patient, perhaps below further folders
    TCIA_pancreas_labels-02-05-2017/label0001.nii.gz

What is relied on, since the headers of the labels do not say where their voxels lie: voxel (i, j, k) of a
label is column i and row j of the k-th slice by instance number, no axis reversed. So pair the public scripts
the files (those of RSTN and of MC-Net: pixel data by instance number with the label array as stored), and so
fits that converters which reverse the rows of a scan on the way to NIfTI call for a flip of the label along
that axis. Here slices are ordered by position, and those of the label go with them, whichever way the
instance numbers run. The header of a label is not used. Where a label would fit soft tissue much better
flipped, a warning says so: look at such a case before you train on it.

The files keep whole scans in HU; clipping to [-125, 275] HU and resampling to 1 mm are settings of the preset
`nih`. Nothing is cropped. The literature's own files are cropped around the label with a margin of 25 voxels,
test scans included, and give away where the pancreas is; scores on them and on these do not compare.

Split: there is no official one. The first 62 scans by number train, the rest tests: 20 of the 82 that were
given out at first, 18 of the 80 that are there without 0025 and 0070; public scripts find these two folders
empty or skip them. They are said to repeat 0002, which we could not check; in copies that have them they
share its group, so that `alcseg check` reports what the split divides.
`train.list` and `test.list` beside the folders, with names that end in the number, replace order and split.

Source:
    Roth et al., Data from Pancreas-CT, 2016, doi:10.7937/K9/TCIA.2016.tNB1kqBU; Roth et al., MICCAI 2015,
    arXiv:1506.06448. Scripts: github.com/twni2016/OrganSegRSTN_PyTorch, github.com/ycwu1997/MC-Net; order and
    62 training scans: github.com/koncle/CoraNet.
"""

import logging
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.nifti import read_label
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.dicom import read_numbered_series, series_folders
from alcseg.data.readers.lists import read_lists
from alcseg.errors import DataError, GeometryError
from alcseg.listing import by_name, has_folder, list_files, list_folders
from alcseg.words import shorten

__all__ = ["NIHPancreasReader"]

_log = logging.getLogger(__name__)

_TRAINING = 62
_SAME_PATIENT = {"0025": "0002", "0070": "0002"}
_BELOW = 3  # folders between the source and those of patients, or labels
_SOFT_TISSUE = (0.0, 250.0)  # HU, contrast-enhanced pancreas with its vessels
_CLEARLY = 0.2
_FLIPS = {"rows": (1,), "slices": (2,), "rows and slices": (1, 2), "columns": (0,)}


class NIHPancreasReader(Reader):
    """Folders `PANCREAS_####` with one series each, and files `label####.nii.gz`."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are folders of patients and labels up to three folders down."""
        return has_folder(source) and bool(_patients(source)) and bool(_labels(source))

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the scans by number or in the order of the lists; no pixel is read."""
        patients = by_name((path.name[-4:], path) for path in _patients(source))
        labels = by_name((path.name[5:9], path) for path in _labels(source))
        if not patients or not labels:
            raise DataError(
                f"{source}: expected folders PANCREAS_0001, ... and files label0001.nii.gz, ... in it, "
                f"found {len(patients)} and {len(labels)}. Put scans and labels into one folder."
            )
        other = [
            path for path in list_files(source, "label[0-9]*", below=_BELOW) if path not in labels.values()
        ]
        if other:
            raise DataError(
                f"{source}: expected labels as label0001.nii.gz, ..., found {shorten(other)}. "
                "Convert or rename them, or move them out."
            )
        series = {number: found for number, folder in patients.items() if (found := _series(folder))}
        empty = sorted(set(patients) - set(series))
        if empty:
            _log.warning("%s: no DICOM slices for %s, left out", source, shorten(empty))
        lists = read_lists(source, series, case_of=_number)
        splits = lists.splits or dict.fromkeys(lists.order[_TRAINING:], "test")
        cases = []
        for number in lists.order:
            label = labels.get(number)
            cases.append(
                SourceCase(
                    f"PANCREAS_{number}",
                    (series[number],),
                    load=partial(_load, series[number], label),
                    quality=None if label else "unlabeled",
                    split=None if splits.get(number) == "train" else splits.get(number),
                    group=f"PANCREAS_{_SAME_PATIENT.get(number, number)}",
                    source=series[number].relative_to(source).as_posix(),
                )
            )
        return SourceDataset("Pancreas-CT", {"0": "CT"}, {"background": 0, "pancreas": 1}, tuple(cases))


def _patients(source: Path) -> list[Path]:
    return list_folders(source, "PANCREAS_[0-9][0-9][0-9][0-9]", below=_BELOW)


def _labels(source: Path) -> list[Path]:
    return list_files(source, "label[0-9][0-9][0-9][0-9].nii*", below=_BELOW)


def _series(patient: Path) -> Path | None:
    folders = list(series_folders(patient))
    if len(folders) > 1:
        names = shorten(folder.relative_to(patient).as_posix() for folder in folders)
        raise DataError(
            f"{patient}: expected one series, found {len(folders)}: {names}. Remove all but the labeled one."
        )
    return folders[0] if folders else None


def _number(name: str) -> str:
    found = re.search(r"(\d{4})\D*$", name)
    if found is None:
        raise DataError(
            f"train.list or test.list: expected names such as PANCREAS_0001, found '{name}'. Correct it."
        )
    return found[1]


def _load(series: Path, label: Path | None) -> CaseVolumes:
    image, numbers = read_numbered_series(series)
    if label is None:
        return CaseVolumes(series.name, (image,), None)
    stored = read_label(label).array
    if stored.shape != image.shape:
        raise GeometryError(
            f"{label}: expected the shape {image.shape} of {series} (columns, rows, slices), "
            f"found {stored.shape}. Check that both are of one patient and complete."
        )
    rank = np.argsort(np.argsort(numbers))
    placed = np.ascontiguousarray(stored[:, :, rank])
    _warn_if_misplaced(image.array, placed, label)
    return CaseVolumes(series.name, (image,), Volume(placed, image.affine, None, label))


def _warn_if_misplaced(image: NDArray[np.float32], placed: NDArray[Any], path: Path) -> None:
    """Compare how much of the label lies on soft tissue with how much would if it were flipped."""
    inside = placed > 0
    if not inside.any():
        return
    soft = (image > _SOFT_TISSUE[0]) & (image < _SOFT_TISSUE[1])
    share = float(soft[inside].mean())
    flipped = {name: float(np.flip(soft, axes)[inside].mean()) for name, axes in _FLIPS.items()}
    best = max(flipped, key=lambda name: flipped[name])
    if flipped[best] > share + _CLEARLY:
        _log.warning(
            "%s: %.0f %% of the label lies on soft tissue, %.0f %% would with %s flipped; look at this case",
            path,
            100 * share,
            100 * flipped[best],
            best,
        )
