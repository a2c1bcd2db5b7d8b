"""A dataset at half its resolution, for trainings on machines without a GPU.

Labels are halved like images, after they were corrupted at full size: the noise stays what it was in mm.
"""

import shutil
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.nifti import read_image, read_label
from alcseg.data.nifti_file import nifti_stem
from alcseg.data.writer import write_image, write_label
from alcseg.errors import DataError
from alcseg.listing import has_file, list_files
from alcseg.outputs import output_folder, require_apart
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.records.noise import NoiseManifest
from alcseg.types import Affine, FloatArray, LabelMap

__all__ = ["halve_dataset", "halve_image", "halve_label"]

_IMAGES = ("imagesTr", "imagesTs", "imagesUn")
_LABELS = ("labelsTr", "labelsTs", "labelsClean")
_TABLES = (DatasetRecord, CaseRow, NoiseManifest)


def halve_dataset(
    source: str | PathLike[str], target: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write `source` with voxels twice as long along each axis; tables and `noise.json` are copied.

    Args:
        source: Dataset folder; it is not written to.
        target: Dataset folder to make.
        overwrite: Replace a target folder that is not empty.

    Raises:
        DataError: If a file cannot be read or is a single voxel thin.
        UsageError: If the target is not empty.
    """
    source, target = Path(source), Path(target)
    require_apart(target, source)
    background = Dataset.open(source).label_values[0]
    with output_folder(target, overwrite=overwrite, writes=DatasetRecord.NAME) as root:
        for table in _TABLES:
            if has_file(table.path(source)):
                shutil.copyfile(table.path(source), table.path(root))
        for folder in _IMAGES:
            for path in _volumes(source / folder):
                image = read_image(path)
                write_image(root / folder / path.name, _placed(halve_image(image.array), image))
        for folder in _LABELS:
            for path in _volumes(source / folder):
                label = read_label(path)
                halved = halve_label(label.array, background=background)
                write_label(root / folder / path.name, halved, _placed(halved, label))


def halve_image(image: FloatArray) -> FloatArray:
    """Means of blocks of 2x2x2 voxels, `(X, Y, Z)` to `(X//2, Y//2, Z//2)`; an odd last plane is left out."""
    return np.asarray(_blocks(image).mean(axis=0, dtype=np.float32))


def halve_label(label: LabelMap, *, background: int = 0) -> LabelMap:
    """The classes of blocks of 2x2x2 voxels, `(X, Y, Z)` to `(X//2, Y//2, Z//2)`.

    A block is foreground where at least half of its voxels are, and takes their most frequent class, the
    lower value where two are equally frequent.
    """
    blocks = _blocks(label)
    values = [int(value) for value in np.unique(label) if value != background]
    if not values:
        return np.full(blocks.shape[1:], background, dtype=label.dtype)
    counts = np.stack([(blocks == value).sum(axis=0) for value in values])
    chosen = np.asarray(values, dtype=label.dtype)[counts.argmax(axis=0)]
    foreground = 2 * counts.sum(axis=0) >= len(blocks)
    halved: LabelMap = np.where(foreground, chosen, np.asarray(background, dtype=label.dtype))
    return halved


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """The eight voxels of every block, `(8, X//2, Y//2, Z//2)`."""
    x, y, z = (size // 2 for size in array.shape)
    blocks = array[: 2 * x, : 2 * y, : 2 * z].reshape(x, 2, y, 2, z, 2)
    return blocks.transpose(1, 3, 5, 0, 2, 4).reshape(8, x, y, z)


def _placed(array: NDArray[Any], volume: Volume) -> Volume:
    if 0 in array.shape:
        raise DataError(f"{volume.path}: expected at least 2 voxels along each axis, found {volume.shape}.")
    return Volume(array, _halved_affine(volume.affine), None, volume.path)


def _halved_affine(affine: Affine) -> Affine:
    """The center of the first new voxel lies between the centers of the first eight old ones."""
    step = np.diag([2.0, 2.0, 2.0, 1.0])
    step[:3, 3] = 0.5
    return affine @ step


def _volumes(folder: Path) -> list[Path]:
    return [path for path in list_files(folder) if nifti_stem(path) is not None]
