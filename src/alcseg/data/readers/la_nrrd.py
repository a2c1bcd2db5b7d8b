"""The 2018 left atrium challenge as its organizers gave it out.

Layout: `Training Set/<case>/lgemri.nrrd` with `laendo.nrrd`, the cavity, as 0 and 255, and `Testing Set/`
alike; or the folders of cases alone. Labels become 0 and 1. Spacing and directions are those of the NRRD
headers, which speak of LPS (or another named space) and are turned into RAS.

A case of `Testing Set` is in the test split, and unlabeled where its label was not given out. The lists of
`alcseg.data.readers.lists` beside the folders, as the literature has them for its 80 and 20 of the 100
training cases, order the cases and overrule the folders; give only `Training Set` as the source to leave the
other 54 out. Whole scans come out: nothing is cropped, unlike in the h5 files of `la-h5`.

Source:
    Xiong et al., Medical Image Analysis 67, 2021, doi:10.1016/j.media.2020.101832;
    https://teem.sourceforge.net/nrrd/format.html for the header.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.nrrd_files import read_nrrd
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.lists import read_lists
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.errors import DataError
from alcseg.listing import by_name, has_file, has_folder, list_files
from alcseg.words import shorten

__all__ = ["LANRRDReader"]

_IMAGE, _LABEL = "lgemri.nrrd", "laendo.nrrd"
_BELOW = 3  # folders between the source and an image
_TESTING = "testing set"


class LANRRDReader(Reader):
    """One folder a case with `lgemri.nrrd` and, where it is known, `laendo.nrrd`."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether there are folders with `lgemri.nrrd` up to three folders down."""
        return has_folder(source) and bool(_images(source))

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases in the order of the lists, then by name; no file is opened."""
        folders = by_name((path.parent.name, path.parent) for path in _images(source))
        if not folders:
            raise DataError(f"{source}: expected folders with {_IMAGE}, found none. Check the folder.")
        testing = {name for name, folder in folders.items() if _in_testing_set(folder, source)}
        lists = read_lists(source, folders, placed=testing)
        other = [
            path
            for folder in folders.values()
            for path in list_files(folder, "laendo*")
            if path.name.lower() != _LABEL
        ]
        if other:
            raise DataError(
                f"{source}: expected labels as {_LABEL}, found {shorten(other)}. "
                "Convert them, or move them out."
            )
        cases = []
        for name in lists.order:
            folder = folders[name]
            split = lists.splits.get(name, "test" if name in testing else "train")
            cases.append(
                SourceCase(
                    name,
                    (_file(folder, _IMAGE),),
                    load=partial(_load, folder),
                    quality=None if has_file(_file(folder, _LABEL)) else "unlabeled",
                    split=None if split == "train" else split,
                    source=folder.relative_to(source).as_posix(),
                )
            )
        return SourceDataset("LeftAtrium", {"0": "MRI"}, {"background": 0, "left_atrium": 1}, tuple(cases))


def _in_testing_set(folder: Path, source: Path) -> bool:
    return _TESTING in folder.relative_to(source).as_posix().lower()


def _images(source: Path) -> list[Path]:
    return [path for path in list_files(source, _IMAGE, below=_BELOW) if path.parent != source]


def _file(folder: Path, name: str) -> Path:
    """The file of a name in letters of any case; where there is none, as it is spelled here."""
    return next(iter(list_files(folder, name)), folder / name)


def _load(folder: Path) -> CaseVolumes:
    image = read_nrrd(_file(folder, _IMAGE))
    intensities = image.array.astype(np.float32)
    check_intensities(intensities, image.path)
    label = read_nrrd(path) if has_file(path := _file(folder, _LABEL)) else None
    return CaseVolumes(
        folder.name,
        (Volume(intensities, image.affine, None, image.path),),
        None if label is None else Volume(_as_classes(label), label.affine, None, label.path),
    )


def _as_classes(label: Volume) -> NDArray[Any]:
    values = whole_numbers(label.array, label.path)
    return np.where(values == 255, 1, values).astype(values.dtype)
