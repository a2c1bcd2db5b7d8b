"""One NIfTI file off the disk: a header that was checked, its place in millimetres, and its voxels.

The header is nibabel's; the bytes are read here, to the end of the file, since only there gzip tells by its
checksum whether they are those that were written. Memory follows what a file holds, not what it declares.
"""

import gzip
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from alcseg.data.placement import check_affine, check_shape, check_steps
from alcseg.errors import DataError, GeometryError
from alcseg.types import Affine

__all__ = ["NiftiFile", "header_affine", "mm_per_unit", "nifti_stem"]

_ENDINGS = (".nii.gz", ".nii")
_BLOCK = 1 << 24
_MOST_HEADER = 540
_SEVERE = logging.ERROR  # From this level on nibabel raises.
_UNITS = {1: 1000.0, 2: 1.0, 3: 0.001}  # metre, millimetre, micrometre by their codes; unknown is mm
_DAMAGED = (HeaderDataError, OSError, EOFError, ValueError, OverflowError, zlib.error)


@dataclass(frozen=True, eq=False)
class NiftiFile:
    """A header and what it says, checked; `NiftiFile.open` reads it, `voxels` the rest of the file.

    Attributes:
        path: The file.
        header: With its own unit; without the scaling, which is in the values.
        shape: Without axes of length 1 behind the third.
        affine: Voxel index to RAS millimetres.
        slope: By which stored values are multiplied.
        inter: What is added to them then; 0 where the header holds no number, as ITK and FSL take it.
    """

    path: Path
    header: nib.Nifti1Header
    shape: tuple[int, ...]
    affine: Affine
    slope: float
    inter: float

    @classmethod
    def open(cls, path: Path) -> "NiftiFile":
        """Read and check the header alone.

        Raises:
            DataError: If the file is absent, no NIfTI file, or holds anything but one number per voxel.
            GeometryError: If its header does not place the voxels.
        """
        if nifti_stem(path) is None:
            raise DataError(f"{path}: expected a NIfTI file (.nii or .nii.gz). Convert it first.")
        with _telling(path), _opened(path) as stream:
            header = _header(stream.read(_MOST_HEADER))
            steps = header["pixdim"][1:4].tolist()
            header.check_fix(_Mended(path), _SEVERE)  # the sign of these steps, too
            shape = tuple(int(size) for size in header.get_data_shape())
            kind = header.get_data_dtype()
            header.get_data_offset()
        if header["sform_code"] == 0:
            check_steps(steps, path)
        while len(shape) > 3 and shape[-1] == 1:
            shape = shape[:-1]
        check_shape(shape, path)
        if kind.fields is not None or kind.kind not in "iuf":
            raise DataError(
                f"{path}: expected one number per voxel, found type {kind}. Convert it to gray values."
            )
        slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
        if slope == 0 or not np.isfinite(slope):
            slope, inter = 1.0, 0.0
        header.set_slope_inter(None, None)
        inter = inter if np.isfinite(inter) else 0.0
        return cls(path, header, shape, header_affine(header, path), slope, inter)

    def require_volume(self) -> tuple[int, int, int]:
        """The shape of one 3D volume.

        Raises:
            DataError: If there are fewer or more axes.
        """
        if len(self.shape) != 3:
            raise DataError(
                f"{self.path}: expected one 3D volume, found {len(self.shape)}D of shape {self.shape}. Write "
                "each channel or time point into a file of its own: <case>_0000.nii.gz, <case>_0001.nii.gz, "
                "..."
            )
        x, y, z = self.shape
        return x, y, z

    def voxels(self) -> NDArray[Any]:
        """Values with the scaling of the header, in the type that holds them; Fortran order, as on disk.

        Raises:
            DataError: If the file holds less than its header declares, or is damaged anywhere.
        """
        kind = self.header.get_data_dtype()
        needed = kind.itemsize * int(np.prod(self.shape, dtype=object))
        content = bytearray()
        with _telling(self.path), _opened(self.path) as stream:
            stream.seek(self.header.get_data_offset())
            while len(content) < needed and (block := stream.read(min(_BLOCK, needed - len(content)))):
                content += block
            if len(content) < needed:
                raise EOFError(f"{needed} bytes of voxels declared, {len(content)} there")
            while stream.read(_BLOCK):
                pass
            stored = np.frombuffer(content, kind).reshape(self.shape, order="F")
            with np.errstate(over="ignore", invalid="ignore"):  # values that are not finite are told later
                scaled: NDArray[Any] = apply_read_scaling(stored, self.slope, self.inter)
        return scaled


def nifti_stem(path: Path) -> str | None:
    """File name without `.nii` or `.nii.gz`, in letters of any case; None if it has neither."""
    return next((path.name[: -len(end)] for end in _ENDINGS if path.name.lower().endswith(end)), None)


def mm_per_unit(header: nib.Nifti1Header) -> float:
    """Millimetres in a unit of the affine of a header: 1000 for metres, 0.001 for microns, else 1."""
    return _UNITS.get(int(header["xyzt_units"]) & 7, 1.0)


def header_affine(header: nib.Nifti1Header, path: Path) -> Affine:
    """The place in mm that a header gives: by its sform, else its qform, else its voxel sizes alone.

    Raises:
        GeometryError: If it gives none.
    """
    try:
        affine = np.array(header.get_best_affine(), dtype=np.float64)
    except ValueError as error:  # a quaternion longer than 1
        raise GeometryError(
            f"{path}: expected a rotation in the qform, found none ({error}). Repair the header."
        ) from None
    if (unit := mm_per_unit(header)) != 1.0:  # to the digits of the header: 0.001 m is 1 mm, not 1.00000005
        affine[:3] = [[float(f"{value * unit:.7g}") for value in row] for row in affine[:3]]
    return check_affine(affine, path)


class _Mended(logging.LoggerAdapter[logging.Logger]):
    """Says with the path what nibabel mends in a header; what is usual, and what it raises, is not logged."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.getLogger(__name__))
        self._path = path

    def log(self, level: int, msg: object, *args: Any, **kwargs: Any) -> None:
        """As nibabel calls it; its levels lie between those of `logging`."""
        if logging.WARNING <= level < _SEVERE:
            super().log(logging.WARNING, f"{self._path}: {msg}", *args, **kwargs)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO | gzip.GzipFile]:
    with path.open("rb") as raw:
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked
        else:
            yield raw


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Say in one line why a file cannot be read."""
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path}: expected a NIfTI file, found none. Check the path.") from None
    except _DAMAGED as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: expected a whole NIfTI file, cannot read it ({reason}). Copy or export it again."
        ) from None


def _header(block: bytes) -> nib.Nifti1Header:
    kinds: tuple[Any, ...] = (nib.Nifti1Header, nib.Nifti2Header)
    for kind in kinds:
        size = kind.template_dtype.itemsize
        if len(block) >= size and kind.may_contain_header(block[:size]):
            header: nib.Nifti1Header = kind(block[:size], check=False)
            if header["magic"].item() == kind.single_magic:
                return header
    raise HeaderDataError("it does not begin with a NIfTI header")
