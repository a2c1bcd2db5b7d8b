"""What a format of files offers: images and label maps in, label maps with the names of their classes out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.formats.segments import Segments, label_of
from alcseg.data.voxel_values import check_intensities, whole_numbers
from alcseg.errors import DataError, UsageError
from alcseg.types import LabelMap

__all__ = ["Format", "SegmentFormat", "ValueFormat"]


class Format(ABC):
    """One format; each file holds one 3D volume."""

    endings: ClassVar[tuple[str, ...]]
    """Of its files, in lower case; the first one is written."""

    names_classes: ClassVar[bool] = False
    """Whether a file names its classes, and so holds labels alone."""

    @abstractmethod
    def read_image(self, path: Path) -> Volume:
        """Read one image as float32.

        Raises:
            DataError: If it cannot be used as one.
            PackageError: If the package that reads the format is not installed.
        """

    @abstractmethod
    def read_label(
        self,
        path: Path,
        labels: Mapping[str, int] | None,
        like: Volume | None,
        priority: Sequence[str],
        *,
        every: bool,
    ) -> Volume:
        """Read one label map as integers.

        Args:
            path: The file.
            labels: Class name to value, background first, where the file names its classes; None for the
                values that it states itself.
            like: The image, on whose grid the label is put where both share one lattice.
            priority: Names of classes, of which the first wins where segments overlap.
            every: Whether each class of `labels` has to have a segment; else one at least.

        Raises:
            DataError: If it cannot be used as one.
            PackageError: If the package that reads the format is not installed.
        """

    def write_label(self, path: Path, values: LabelMap, like: Volume, labels: Mapping[str, int]) -> None:
        """Write a label map `(X, Y, Z)` on the grid of `like`.

        Args:
            path: The file.
            values: Label values.
            like: Gives the grid.
            labels: Class name to value, background first.

        Raises:
            UsageError: If the format is not written.
            PackageError: If the package that writes it is not installed.
        """
        raise UsageError(f"{path}: expected a format that is written, got {type(self).__name__}.")

    def named_values(self, path: Path) -> dict[str, int] | None:
        """Name to value of the classes that a file states; None if it names none."""
        return None


class ValueFormat(Format):
    """A format of which a voxel is one number; images and label maps are stored alike."""

    @abstractmethod
    def read(self, path: Path) -> Volume:
        """Read a volume in its own type, with its affine in RAS millimetres.

        Raises:
            DataError: If the file cannot be read or is not one 3D volume.
            GeometryError: If its header does not place the voxels.
            PackageError: If the package that reads the format is not installed.
        """

    def read_image(self, path: Path) -> Volume:
        """As every format."""
        found = self.read(path)
        with np.errstate(over="ignore"):  # what becomes infinite is told by the check of intensities
            array = np.ascontiguousarray(found.array, dtype=np.float32)
        check_intensities(array, path)
        return Volume(array, found.affine, None, path)

    def read_label(
        self,
        path: Path,
        labels: Mapping[str, int] | None = None,
        like: Volume | None = None,
        priority: Sequence[str] = (),
        *,
        every: bool = False,
    ) -> Volume:
        """As every format; values have no names here."""
        found = self.read(path)
        return Volume(whole_numbers(found.array, path), found.affine, None, path)


class SegmentFormat(Format):
    """A format of segments: each has a name, and one voxel may lie in several."""

    names_classes = True

    @abstractmethod
    def segments(self, path: Path, like: Volume | None) -> Segments:
        """What segments a file holds.

        Args:
            path: The file.
            like: The image; needed where a file has no grid of its own.

        Raises:
            DataError: If it cannot be read.
            PackageError: If the package that reads the format is not installed.
        """

    def read_image(self, path: Path) -> Volume:
        """As every format.

        Raises:
            DataError: Always.
        """
        raise DataError(f"{path}: expected an image, found segments. Name the image they were drawn in.")

    def read_label(
        self,
        path: Path,
        labels: Mapping[str, int] | None = None,
        like: Volume | None = None,
        priority: Sequence[str] = (),
        *,
        every: bool = False,
    ) -> Volume:
        """As every format."""
        return label_of(self.segments(path, like), labels, priority, every=every)

    def named_values(self, path: Path) -> dict[str, int] | None:
        """As every format."""
        return self.segments(path, None).values
