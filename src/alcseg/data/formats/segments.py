"""Segments with names, of which several may cover one voxel, and the label map that they give."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alcseg.case_ids import check_text
from alcseg.data.case import Volume
from alcseg.errors import LabelError
from alcseg.types import Affine, Mask
from alcseg.words import shorten

__all__ = ["Segment", "Segments", "class_values", "label_of"]


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment.

    Attributes:
        name: Of its class.
        value: That the file gives it.
        draw: Makes its mask, `(X, Y, Z)`; drawn when asked for, since many masks would fill the memory.
    """

    name: str
    value: int
    draw: Callable[[], Mask]


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of one file, all on one grid.

    Attributes:
        parts: In the order of the file; each name is there once.
        shape: Of the grid, `(X, Y, Z)`.
        affine: Voxel index to RAS millimetres.
        path: The file.
    """

    parts: tuple[Segment, ...]
    shape: tuple[int, int, int]
    affine: Affine
    path: Path

    def __post_init__(self) -> None:
        names = [check_text(part.name, "name of a segment", self.path) for part in self.parts]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise LabelError(
                f"{self.path}: expected one segment of each name, found two of {shorten(twice)}. Rename them."
            )

    @property
    def values(self) -> dict[str, int]:
        """Name to value."""
        return {part.name: part.value for part in self.parts}


def class_values(files: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """One value for each name that occurs in several files, `background` as 0 first.

    The values of the files are kept where each name has the same one everywhere and no two names share one;
    else names are numbered from 1 in the order in which they come.
    """
    stated: dict[str, set[int]] = {}
    for values in files:
        for name, value in values.items():
            stated.setdefault(name, set()).add(value)
    stated.pop("background", None)
    found = [next(iter(values)) for values in stated.values() if len(values) == 1]
    kept = len(found) == len(stated) == len(set(found)) and all(value > 0 for value in found)
    named = zip(stated, found if kept else range(1, len(stated) + 1), strict=True)
    return {"background": 0, **dict(sorted(named, key=lambda pair: pair[1]))}


def label_of(
    segments: Segments,
    labels: Mapping[str, int] | None = None,
    priority: Sequence[str] = (),
    *,
    every: bool = False,
) -> Volume:
    """One label map of the segments that are named like classes.

    Args:
        segments: Of one file. Those of other names are passed over.
        labels: Class name to value, background first; None for the names and values of the file.
        priority: Names, of which the first wins where segments overlap; one that is not named loses.
        every: Whether each class has to have a segment; else one at least.

    Raises:
        LabelError: If segments are missing, or overlap and `priority` names neither of them.
    """
    path = segments.path
    labels = class_values([segments.values]) if labels is None else labels
    background, *names = labels
    parts = {part.name: part for part in segments.parts if part.name in names}
    if len(parts) < (len(names) if every else 1) and names:
        raise LabelError(
            f"{path}: expected segments named {shorten(names)}, found "
            f"{shorten(part.name for part in segments.parts) or 'none'}. Rename them."
        )
    rank = {name: place for place, name in enumerate(priority)}
    drawn = sorted(parts.values(), key=lambda part: -rank.get(part.name, len(rank)))  # who wins comes last
    highest = max((abs(value) for value in labels.values()), default=0)
    label = np.full(segments.shape, labels[background], dtype=np.min_scalar_type(-highest - 1))
    covered = np.zeros(segments.shape, dtype=bool)
    for place, part in enumerate(drawn):
        mask = part.draw()
        if part.name not in rank and (covered & mask).any():
            _refuse_overlap(part, mask, drawn[:place], segments)
        label[mask] = labels[part.name]
        covered |= mask
    kind = np.min_scalar_type(highest) if min(labels.values()) >= 0 else label.dtype
    return Volume(label.astype(kind), segments.affine, None, path)


def _refuse_overlap(part: Segment, mask: Mask, others: Sequence[Segment], segments: Segments) -> None:
    """Raise, naming the segments that lie upon one another."""
    found = {other.name: int((other.draw() & mask).sum()) for other in others}
    names = [name for name, voxels in found.items() if voxels]
    upon = shorten(f"'{name}' in {found[name]} voxels" for name in names)
    raise LabelError(
        f"{segments.path}: expected segments that do not overlap, found that '{part.name}' does with "
        f"{upon}. Mend them, or say which wins: "
        f"--priority '{part.name},{names[0]}'."
    )
