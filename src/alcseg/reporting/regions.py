"""Where the given and the proposed label differ, as regions that can be decided on one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.fast import components
from alcseg.types import LabelMap, Spacing

__all__ = ["Region", "find_regions", "fullest_slices"]

_MOST = 60  # As many as a list on a page holds.
_SMALLEST = 3  # Voxels; smaller ones are taken together.


@dataclass(frozen=True)
class Region:
    """One connected region, or all small ones together.

    Attributes:
        number: From 1, the largest first.
        kind: `added` where the proposal has a class and the given label none, `removed` where it is the
            reverse, `changed` from one class to another; what most voxels are.
        classes: Class indices that the proposal and the given label have there, background not counted.
        voxels: How many.
        mm3: Volume.
        place: Voxel `(x, y, z)` of the region close to where most of it can be seen in all three planes.
        scattered: Whether it is all small regions together.
    """

    number: int
    kind: str
    classes: tuple[int, ...]
    voxels: int
    mm3: float
    place: tuple[int, int, int]
    scattered: bool = False


def find_regions(
    given: LabelMap, proposed: LabelMap, spacing: Spacing
) -> tuple[tuple[Region, ...], NDArray[np.uint8]]:
    """Regions of a case, and the map that says to which one a voxel belongs, 0 for none.

    Args:
        given: Class indices, `(X, Y, Z)`, 0 is background.
        proposed: The same.
        spacing: Voxel size in mm.
    """
    kinds = {
        "added": (given == 0) & (proposed != 0),
        "removed": (given != 0) & (proposed == 0),
        "changed": (given != 0) & (proposed != 0) & (given != proposed),
    }
    pieces = sorted(_pieces(kinds), key=lambda piece: (-piece.voxels, piece.kind))
    named = [piece for piece in pieces[:_MOST] if piece.voxels >= _SMALLEST]
    scattered = pieces[len(named) :]
    region_map = np.zeros(given.shape, dtype=np.uint8)
    volume = float(np.prod(spacing))
    regions = []
    for number, piece in enumerate(named, start=1):
        region_map[piece.box][piece.inside] = number
        regions.append(_region(number, piece, given, proposed, volume))
    if scattered:
        last = len(named) + 1
        for piece in scattered:
            region_map[piece.box][piece.inside] = last
        commonest = max(kinds, key=lambda kind: sum(one.voxels for one in scattered if one.kind == kind))
        (box,) = ndimage.find_objects((region_map == last).astype(np.uint8))
        together = _Piece(commonest, box, region_map[box] == last)
        regions.append(_region(last, together, given, proposed, volume, scattered=True))
    return tuple(regions), region_map


@dataclass(frozen=True, eq=False)
class _Piece:
    """Voxels of one kind of difference, within their box."""

    kind: str
    box: tuple[slice, ...]
    inside: NDArray[np.bool_]

    @cached_property
    def voxels(self) -> int:
        """How many."""
        return int(self.inside.sum())


def _pieces(kinds: dict[str, NDArray[np.bool_]]) -> Iterator[_Piece]:
    """Connected pieces of each kind."""
    for kind, where in kinds.items():
        numbers, _ = components(where, corners=True)
        for number, box in enumerate(ndimage.find_objects(numbers), start=1):
            yield _Piece(kind, box, numbers[box] == number)


def _region(
    number: int,
    piece: _Piece,
    given: LabelMap,
    proposed: LabelMap,
    volume: float,
    *,
    scattered: bool = False,
) -> Region:
    box, inside = piece.box, piece.inside
    values = np.unique([given[box][inside], proposed[box][inside]])
    classes = tuple(int(value) for value in values if value)
    x, y, z = (at + part.start for at, part in zip(_place(inside), box, strict=True))
    return Region(number, piece.kind, classes, piece.voxels, piece.voxels * volume, (x, y, z), scattered)


def fullest_slices(mask: NDArray[np.bool_]) -> tuple[int, int, int]:
    """Along each axis the slice with most voxels of a mask `(X, Y, Z)`."""
    x, y, z = (int(mask.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))
    return x, y, z


def _place(inside: NDArray[np.bool_]) -> tuple[int, ...]:
    """The voxel of a mask nearest to the crossing of its three fullest slices."""
    voxels = np.argwhere(inside)
    nearest = voxels[np.square(voxels - fullest_slices(inside)).sum(axis=1).argmin()]
    return tuple(int(value) for value in nearest)
