"""From a file's grid to the grid a network sees, and exactly back.

The way there: axes are permuted and flipped to the closest RAS voxel order, which changes no value, then each
axis whose spacing differs is resampled. Both grids cover the same field of view: voxel `i` of `m` has its
center at `(i + 0.5) * n / m - 0.5` of `n`, so that the way back always meets the source's shape and affine.
An axis that keeps its number of voxels is left alone, bit for bit.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from alcseg.data.case import affine_spacing
from alcseg.errors import GeometryError, ShapeError
from alcseg.types import Affine, FloatArray, Spacing

__all__ = ["ModelGrid", "directions"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class ModelGrid:
    """The two grids of one case and the way between them; made by `ModelGrid.between`.

    Attributes:
        source_shape: Shape of the file, `(X, Y, Z)`.
        shape: Shape of the model grid, RAS voxel order.
        spacing: Voxel size of the model grid in mm: the one asked for, up to rounding to whole voxels.
        affine: Voxel index of the model grid to RAS millimetres.
        permutation: Source axis behind each RAS axis.
        flips: Whether each RAS axis runs against its source axis.
    """

    source_shape: Shape
    shape: Shape
    spacing: Spacing
    affine: Affine
    permutation: Shape
    flips: tuple[bool, bool, bool]

    @classmethod
    def between(cls, shape: tuple[int, ...], affine: Affine, spacing: Spacing | None = None) -> "ModelGrid":
        """Plan the way from a source grid to RAS voxel order at `spacing`.

        Args:
            shape: Shape of the source, three values.
            affine: Source voxel index to RAS millimetres.
            spacing: Voxel size of the model grid in mm, in RAS axis order; None keeps the source's own.

        Raises:
            GeometryError: If the affine has no inverse or a spacing is not positive.
        """
        orientation = directions(affine)
        if not np.isfinite(orientation).all():
            raise GeometryError(
                f"expected an affine with three independent axes, found {affine.tolist()}. Repair the header."
            )
        if spacing is not None and (len(spacing) != 3 or not all(0 < value < np.inf for value in spacing)):
            raise GeometryError(f"expected three positive spacings in mm, found {spacing}. Repair the plan.")
        source_shape = (int(shape[0]), int(shape[1]), int(shape[2]))
        target = [int(axis) for axis in orientation[:, 0]]
        first, second, third = (target.index(axis) for axis in range(3))
        permutation = (first, second, third)
        flips = (orientation[first, 1] < 0, orientation[second, 1] < 0, orientation[third, 1] < 0)
        ras_shape = np.array([source_shape[axis] for axis in permutation])
        ras_affine = affine @ nib.orientations.inv_ornt_aff(orientation, source_shape)
        wanted = affine_spacing(ras_affine) if spacing is None else spacing
        own = np.array(affine_spacing(ras_affine))
        size = np.maximum(1, np.rint(ras_shape * own / np.array(wanted))).astype(int)
        ratio = ras_shape / size
        scaling = np.diag([*ratio, 1.0])
        scaling[:3, 3] = (ratio - 1) / 2
        model_affine = ras_affine @ scaling
        x, y, z = (int(value) for value in size)
        return cls(
            source_shape,
            (x, y, z),
            affine_spacing(model_affine),
            model_affine,
            permutation,
            (bool(flips[0]), bool(flips[1]), bool(flips[2])),
        )

    @property
    def resamples(self) -> bool:
        """Whether values are interpolated; if not, both ways are exact, bit for bit."""
        return self.shape != self._ras_shape

    def image_to_model(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Bring intensities `(X, Y, Z)` to the model grid: linear, or where voxels grow their mean."""
        turned = self.to_ras(image)
        return np.ascontiguousarray(_resample(turned.astype(np.float32, copy=False), self.shape))

    def label_to_model(self, label: NDArray[Any]) -> NDArray[Any]:
        """Bring a label map `(X, Y, Z)` to the model grid; the dtype stays.

        Each voxel takes the value that fills most of it, the higher value on a tie, so that a foreground mask
        is its own mean of at least one half. The nearest voxel would shift a map that is made coarser by an
        even factor.
        """
        turned = self.to_ras(label)
        if not self.resamples:
            return np.ascontiguousarray(turned)
        values = np.unique(turned)
        best = np.zeros(self.shape, dtype=np.float32)
        winner = np.empty(self.shape, dtype=label.dtype)
        for value in values:
            share = _resample((turned == value).astype(np.float32), self.shape)
            better = share >= best
            winner[better] = value
            np.maximum(best, share, out=best)
        return winner

    def label_to_source(self, label: NDArray[Any]) -> NDArray[Any]:
        """Bring a label map back to the source grid `(X, Y, Z)`, bit for bit, where nothing is resampled.

        Raises:
            ShapeError: If the grid resamples.
        """
        self._require(label.shape, self._ras_shape, "model")
        return np.ascontiguousarray(self._from_ras(label))

    def map_to_source(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Bring a scalar map from the model grid back to the source grid `(X, Y, Z)`, linear."""
        self._require(values.shape, self.shape, "model")
        back = _resample(values.astype(np.float32, copy=False), self._ras_shape)
        return np.ascontiguousarray(self._from_ras(back))

    def probabilities_to_source(self, probs: NDArray[Any]) -> NDArray[np.float32]:
        """Bring class probabilities `(C, X, Y, Z)` back to the source grid; they still sum to 1."""
        out = np.empty((len(probs), *self.source_shape), dtype=np.float32)
        for target, plane in zip(out, probs, strict=True):
            target[...] = self.map_to_source(plane)
        return out

    def labels_from_probabilities(self, probs: Iterable[NDArray[Any]]) -> NDArray[np.unsignedinteger]:
        """Most probable class of each source voxel, from probabilities on the model grid.

        The lowest class wins ties. One class at a time is resampled, so memory stays bounded.

        Args:
            probs: `(X, Y, Z)` of each class in turn.

        Returns:
            Class indices on the source grid, `(X, Y, Z)`, in the smallest unsigned type that holds them.
        """
        planes = iter(probs)
        best = self.map_to_source(next(planes))
        winner: NDArray[np.unsignedinteger] = np.zeros(self.source_shape, np.uint8)
        for index, plane in enumerate(planes, start=1):
            winner = winner.astype(np.promote_types(winner.dtype, np.min_scalar_type(index)), copy=False)
            candidate = self.map_to_source(plane)
            better = candidate > best
            winner[better] = index
            best = np.maximum(best, candidate)  # a new array: the first may be a view of `probs`
        return winner

    @property
    def _ras_shape(self) -> Shape:
        x, y, z = (self.source_shape[axis] for axis in self.permutation)
        return x, y, z

    @property
    def _flipped(self) -> tuple[int, ...]:
        return tuple(axis for axis, flip in enumerate(self.flips) if flip)

    def to_ras(self, array: NDArray[Any]) -> NDArray[Any]:
        """A view of voxels of the source `(X, Y, Z)` in RAS order; no value changes."""
        self._require(array.shape, self.source_shape, "source")
        return np.flip(array.transpose(self.permutation), self._flipped)

    def _from_ras(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.flip(array, self._flipped).transpose(np.argsort(self.permutation))

    @staticmethod
    def _require(found: tuple[int, ...], expected: Shape, grid: str) -> None:
        if found != expected:
            raise ShapeError(f"expected an array of shape {expected} on the {grid} grid, found {found}.")


def directions(affine: Affine) -> FloatArray:
    """What nibabel says of the directions of an affine, `(3, 2)`, not to be written to."""
    return _directions(tuple(affine[:3, :3].ravel().tolist()))


@lru_cache(maxsize=64)  # most cases of a dataset share them, and a look-up takes a decomposition
def _directions(axes: tuple[float, ...]) -> FloatArray:
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(axes, (3, 3))
    orientation: FloatArray = nib.orientations.io_orientation(affine)
    return orientation


def _resample(array: FloatArray, shape: Shape) -> FloatArray:
    for axis, size in enumerate(shape):
        if array.shape[axis] != size:
            weights = _axis_weights(array.shape[axis], size)
            moved = np.moveaxis(array, axis, 0)
            mixed = weights @ moved.reshape(moved.shape[0], -1)
            array = np.moveaxis(mixed.reshape(size, *moved.shape[1:]), 0, axis)
    return array


def _axis_weights(have: int, want: int) -> sparse.csr_array:
    """Rows of a filter, `(want, have)`: linear where voxels shrink, else the mean of what a voxel covers."""
    ratio = have / want
    center = (np.arange(want) + 0.5) * ratio - 0.5
    reach = int(np.ceil(max(1.0, ratio)))
    column = np.floor(center)[:, None].astype(int) + np.arange(1 - reach, reach + 1)
    distance = np.abs(column - center[:, None])
    covered = np.clip((ratio + 1) / 2 - distance, 0.0, 1.0)  # overlap of intervals of length ratio and 1
    weight = covered if ratio > 1 else np.maximum(0.0, 1 - distance)
    weight[(column < 0) | (column >= have)] = 0.0
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.broadcast_to(np.arange(want)[:, None], column.shape)
    kept = weight > 0
    return sparse.csr_array((weight[kept].astype(np.float32), (rows[kept], column[kept])), shape=(want, have))
