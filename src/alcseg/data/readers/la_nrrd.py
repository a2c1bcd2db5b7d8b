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

import zlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.nrrd_files import SPACES, nrrd_package
from alcseg.data.placement import check_affine
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.data.readers.lists import read_lists
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.errors import DataError, GeometryError
from alcseg.listing import by_name, has_file, has_folder, list_files
from alcseg.types import Affine
from alcseg.words import shorten

__all__ = ["LANRRDReader", "read_nrrd"]

_IMAGE, _LABEL = "lgemri.nrrd", "laendo.nrrd"
_BELOW = 3  # folders between the source and an image
_TESTING = "testing set"
_UNITS_MM = {"mm": 1.0, "um": 1e-3, "\N{MICRO SIGN}m": 1e-3, "cm": 10.0, "m": 1e3}


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


def read_nrrd(path: Path) -> Volume:
    """Read one 3D NRRD file in its own type and voxel order, with its affine in RAS millimetres.

    Raises:
        ResourceError: If pynrrd is not installed.
        DataError: If the file cannot be read or is not one 3D volume.
        GeometryError: If its header does not place the voxels in a space that is known.
    """
    nrrd = nrrd_package()
    try:
        with np.errstate(all="ignore"):  # of numbers that are none, which are refused below
            array, header = nrrd.read(str(path), index_order="F")
    except (
        *(nrrd.NRRDError, OSError, EOFError, ValueError, zlib.error),
        *(ArithmeticError, LookupError, StopIteration, TypeError),  # of headers that are damaged or empty
    ) as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: expected a whole NRRD file, cannot read it ({reason}). Copy it again."
        ) from None
    if array.ndim != 3:
        raise DataError(f"{path}: expected one 3D volume, found shape {array.shape}. Check the file.")
    return Volume(np.ascontiguousarray(array), _affine(header, path), None, path)


def _affine(header: dict[str, Any], path: Path) -> Affine:
    space = str(header.get("space", "left-posterior-superior")).lower()
    directions, origin = header.get("space directions", ()), header.get("space origin", np.zeros(3))
    if space not in SPACES or np.shape(directions) != (3, 3) or np.shape(origin) != (3,):
        raise GeometryError(
            f"{path}: expected three space directions and an origin in one of {', '.join(sorted(SPACES))}, "
            f"found {np.asarray(directions).tolist()} and {np.asarray(origin).tolist()} in {space:.60}. "
            "Repair the header."
        )
    affine = np.eye(4)
    affine[:3, :3] = np.asarray(directions, dtype=float).T  # one line of the header per array axis
    affine[:3, 3] = origin
    check_affine(affine, path)
    affine[:3] *= _unit_mm(header.get("space units", ["mm"]), path)
    return check_affine(np.diag([*SPACES[space], 1.0]) @ affine, path)


def _unit_mm(units: Iterable[Any], path: Path) -> float:
    """Millimetres in the one unit of all axes of the space."""
    found = {str(unit).strip('"').lower() for unit in units}
    unit = next(iter(found)) if len(found) == 1 else ""
    if unit not in _UNITS_MM:
        raise GeometryError(
            f"{path}: expected space units of {', '.join(_UNITS_MM)}, found {shorten(sorted(found))}. "
            "Repair the header."
        )
    return _UNITS_MM[unit]


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
