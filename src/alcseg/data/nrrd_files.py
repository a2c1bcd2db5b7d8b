"""NRRD files: the package, the spaces that headers name, and one 3D volume in RAS millimetres.

https://teem.sourceforge.net/nrrd/format.html
"""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.placement import check_affine, check_shape
from alcseg.errors import DataError, GeometryError, PackageError
from alcseg.listing import require_beside
from alcseg.types import Affine
from alcseg.words import shorten

__all__ = ["LPS", "SPACES", "nrrd_package", "place_in_space", "read_nrrd", "telling_nrrd"]

LPS = "left-posterior-superior"
"""The space of files that are written, as ITK and 3D Slicer write them."""

SPACES = {
    LPS: (-1, -1, 1),
    "lps": (-1, -1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
}
"""Name of a space to what each coordinate is multiplied with to reach RAS."""

_UNITS_MM = {"mm": 1.0, "um": 1e-3, "\N{MICRO SIGN}m": 1e-3, "cm": 10.0, "m": 1e3}


def nrrd_package() -> Any:
    """Pynrrd.

    Raises:
        PackageError: If it is not installed.
    """
    try:
        import nrrd
    except ImportError:
        raise PackageError('NRRD files need pynrrd: pip install "alcseg[nrrd]"') from None
    return nrrd


@contextmanager
def telling_nrrd(path: Path, kind: str = "NRRD") -> Iterator[None]:
    """Say in one line why pynrrd cannot read a file.

    Args:
        path: The file.
        kind: What it should be.

    Raises:
        DataError: If it is damaged, empty or no NRRD file.
    """
    damage: tuple[type[Exception], ...] = (
        *(nrrd_package().NRRDError, OSError, EOFError, ValueError, zlib.error, MemoryError),
        *(ArithmeticError, LookupError, StopIteration, TypeError),  # of headers
    )
    try:
        yield
    except damage as error:
        said = str(error).strip().split("\n")[0]
        if isinstance(error, LookupError):
            said = f"its header has an unknown or no {said}"
        raise DataError(
            f"{path}: expected a whole {kind} file, cannot read it ({said or 'it ends too early'}). Copy it "
            "again, or write it anew."
        ) from None


def read_nrrd(path: Path) -> Volume:
    """Read one 3D NRRD file in its own type and voxel order, with its affine in RAS millimetres.

    Raises:
        PackageError: If pynrrd is not installed.
        DataError: If the file cannot be read or is not one 3D volume.
        GeometryError: If its header does not place the voxels in a space that is known.
    """
    nrrd = nrrd_package()
    # Of numbers that are none numpy would warn; they are refused below.
    with telling_nrrd(path), np.errstate(all="ignore"), path.open("rb") as file:
        header = nrrd.read_header(file)
        check_shape(header.get("sizes", (1,)), path)
        require_beside(str(header.get("data file") or header.get("datafile") or path.name), path)
        array = nrrd.read_data(header, file, str(path), index_order="F")
    if array.ndim != 3:
        raise DataError(f"{path}: expected one 3D volume, found shape {array.shape}. Check the file.")
    return Volume(np.ascontiguousarray(array), _affine(header, path), None, path)


def place_in_space(affine: Affine) -> tuple[Any, Any]:
    """Directions, a line per array axis, and origin in the space `LPS`."""
    turn = np.diag(SPACES[LPS])  # from RAS is as to RAS
    return (turn @ affine[:3, :3]).T, turn @ affine[:3, 3]


def _affine(header: dict[str, Any], path: Path) -> Affine:
    space = str(header.get("space", LPS)).lower()
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
