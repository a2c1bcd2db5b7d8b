"""FreeSurfer's `.mgz` and `.mgh`, by nibabel: big-endian, RAS, its place stored as float32."""

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.freesurfer.mghformat import MGHError
from nibabel.spatialimages import HeaderDataError

from alcseg.data.case import Volume
from alcseg.data.formats.base import ValueFormat
from alcseg.data.placement import check_affine, check_shape, check_steps
from alcseg.errors import DataError
from alcseg.files import atomic_path
from alcseg.types import LabelMap

__all__ = ["MGHFormat"]

_BLOCK = 1 << 24  # bytes
_DAMAGED = (
    ImageFileError, HeaderDataError, MGHError, OSError, EOFError, ValueError, LookupError, ArithmeticError,
    TypeError,  # a header that is cut off
    zlib.error,
)  # fmt: skip


class MGHFormat(ValueFormat):
    """Values up to 255 as uint8, beyond as int32, the format's only types for whole numbers besides int16."""

    endings = (".mgz", ".mgh")

    def read(self, path: Path) -> Volume:
        """As every format of values."""
        kind: Any = nib.MGHImage
        try:
            # Opened here, since nibabel leaves a file open that it refuses; and read to its end, where alone
            # gzip tells whether the bytes are those that were written.
            with (gzip.open if path.suffix.lower() == ".mgz" else open)(path, "rb") as stream:
                sizes = np.frombuffer(stream.read(16), ">i4")[1:].tolist()  # behind the version
                check_shape(sizes or [1], path)
                stream.seek(0)
                image = kind.from_stream(stream)
                check_steps(image.header["delta"].tolist(), path)
                array = np.asanyarray(image.dataobj)
                affine = image.affine
                while stream.read(_BLOCK):
                    pass
        except _DAMAGED as error:
            reason = str(error).strip().split("\n")[0] or "it ends too early"
            if isinstance(error, LookupError):  # of nibabel's table of types
                reason = f"type of voxels {reason}"
            raise DataError(
                f"{path}: expected a whole MGH file, cannot read it ({reason:.200}). Copy it again, or write "
                "it anew."
            ) from None
        while array.ndim > 3 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim != 3:
            raise DataError(f"{path}: expected one 3D volume, found shape {array.shape}. Check the file.")
        native = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        return Volume(native, check_affine(affine, path), None, path)

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """As every format.

        Raises:
            DataError: If a value is no int32.
        """
        low, high = int(values.min()), int(values.max())
        if not -(2**31) <= low <= high < 2**31:
            raise DataError(f"{path}: expected label values that an int32 holds, found {low} to {high}.")
        kind = np.uint8 if 0 <= low <= high <= 255 else np.int32
        image: Any = nib.MGHImage(values.astype(kind), like.affine)
        with atomic_path(path) as partial:
            nib.save(image, str(partial))
