"""Two label maps of one case that are compared: of whatever format, in the same values, on one grid."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.formats import format_of, names_classes, read_label
from alcseg.data.formats.segments import class_values
from alcseg.data.grids import in_axes_of
from alcseg.data.lattice import put_on
from alcseg.errors import LabelError
from alcseg.words import shorten

__all__ = ["common_values", "read_pair"]


def common_values(paths: Iterable[Path], labels: Mapping[str, int] | None) -> dict[str, int] | None:
    """Class name to value in which all files are read, background first.

    Args:
        paths: Label maps, of which some may name their classes.
        labels: Where a dataset names the classes; None for what the files say.

    Returns:
        None where neither does: then the files are compared by their values.

    Raises:
        DataError: If a file cannot be read.
        LabelError: If a file names a class that `labels` does not, or gives one another value than others do
            beside files that hold values alone.
    """
    every = list(paths)
    stated = {
        path: found.named_values(path) or {}
        for path in every
        if names_classes(path) and (found := format_of(path)) is not None
    }
    if labels is not None:
        for path, named in stated.items():
            if strangers := sorted(named.keys() - labels.keys()):
                raise LabelError(
                    f"{path}: expected segments named {shorten(list(labels)[1:])}, found "
                    f"{shorten(strangers)}. Rename them."
                )
        return dict(labels)
    if not stated:
        return None
    agreed = class_values(stated.values())
    for path, named in stated.items() if len(stated) < len(every) else ():
        if odd := [name for name, value in named.items() if agreed.get(name, value) != value]:
            raise LabelError(
                f"{path}: expected one value for '{odd[0]}' in all files, since some name no classes and are "
                f"compared by their values, found {named[odd[0]]} and others. Name the classes by "
                "--dataset."
            )
    return agreed


def read_pair(
    one: Path, other: Path, labels: Mapping[str, int] | None, fill: int = 0
) -> tuple[Volume, Volume]:
    """Read two label maps; one of another format than NIfTI is put onto the grid of the second.

    That is done where both share one lattice of voxels, whatever the order of its axes and wherever it is
    cropped, and with NIfTI files where both cover one grid and only the order of axes differs; else both
    stay as they are, for whoever compares grids to refuse.

    Args:
        one: The first file.
        other: The second.
        labels: See `common_values`.
        fill: Value of background.

    Raises:
        DataError: If a file cannot be read.
    """
    first, second = read_label(one, labels), read_label(other, labels)
    if first.header is None and np.prod(first.shape) <= np.prod(second.shape):
        first = put_on(first, second, fill=fill)
    if second.header is None and not np.array_equal(first.affine, second.affine):
        second = put_on(second, first, fill=fill)
    if first.header is None and not np.array_equal(first.affine, second.affine):
        first = put_on(first, second, fill=fill)
    return in_axes_of(second, first), second
