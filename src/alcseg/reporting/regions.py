"""Where the given and the proposed label differ, as regions that can be decided on one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from alcseg.fast import components
from alcseg.types import LabelMap, Spacing

__all__ = ["Region", "apply_choices", "find_regions"]

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
    named, rest = pieces[:_MOST], pieces[_MOST:]
    named, small = (
        [one for one in named if one.voxels >= _SMALLEST],
        [one for one in named if one.voxels < _SMALLEST],
    )
    region_map = np.zeros(given.shape, dtype=np.uint8)
    volume = float(np.prod(spacing))
    regions = []
    for number, piece in enumerate(named, start=1):
        region_map[piece.box][piece.inside] = number
        regions.append(_region(number, piece.kind, region_map == number, given, proposed, volume))
    scattered = [*small, *rest]
    if scattered:
        last = len(named) + 1
        for piece in scattered:
            region_map[piece.box][piece.inside] = last
        commonest = max(kinds, key=lambda kind: sum(one.voxels for one in scattered if one.kind == kind))
        regions.append(_region(last, commonest, region_map == last, given, proposed, volume, scattered=True))
    return tuple(regions), region_map


@dataclass(frozen=True, eq=False)
class _Piece:
    """One connected piece of a kind of difference, within its box."""

    kind: str
    box: tuple[slice, ...]
    inside: NDArray[np.bool_]
    voxels: int


def _pieces(kinds: dict[str, NDArray[np.bool_]]) -> Iterator[_Piece]:
    for kind, where in kinds.items():
        numbers, _ = components(where, corners=True)
        for number, box in enumerate(ndimage.find_objects(numbers), start=1):
            inside = numbers[box] == number
            yield _Piece(kind, box, inside, int(inside.sum()))


def _region(
    number: int,
    kind: str,
    where: NDArray[np.bool_],
    given: LabelMap,
    proposed: LabelMap,
    volume: float,
    *,
    scattered: bool = False,
) -> Region:
    (box,) = ndimage.find_objects(where.astype(np.uint8))
    inside = where[box]
    values = np.unique([given[box][inside], proposed[box][inside]])
    corner = [part.start for part in box]
    x, y, z = (at + low for at, low in zip(_place(inside), corner, strict=True))
    voxels = int(inside.sum())
    classes = tuple(int(value) for value in values if value)
    return Region(number, kind, classes, voxels, voxels * volume, (x, y, z), scattered)


def apply_choices(
    given: LabelMap, proposed: LabelMap, region_map: NDArray[np.uint8], accepted: dict[str, bool]
) -> LabelMap:
    """The proposed label where its changes are accepted, the given one elsewhere.

    Args:
        given: `(X, Y, Z)`.
        proposed: The same.
        region_map: Number of the region of each voxel.
        accepted: Number of a region to whether its change is accepted; one that is not named is.
    """
    rejected = [int(number) for number, yes in accepted.items() if not yes]
    return np.where(np.isin(region_map, rejected), given, proposed)


def _place(inside: NDArray[np.bool_]) -> tuple[int, ...]:
    """The voxel of a mask nearest to the crossing of its three fullest slices."""
    fullest = [int(inside.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3)]
    voxels = np.argwhere(inside)
    nearest = voxels[np.square(voxels - fullest).sum(axis=1).argmin()]
    return tuple(int(value) for value in nearest)
