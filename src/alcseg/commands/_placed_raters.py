"""Labels of several readers on their way into a dataset: each kept, and one made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from alcseg.data.case import Volume
from alcseg.data.fusion import Fusion, fuse
from alcseg.data.grids import compare_grids, in_axes_of, onto_grid, require_same_grid
from alcseg.data.named_values import require_named_values
from alcseg.data.nifti import read_label
from alcseg.data.rater_labels import FUSION, RATERS
from alcseg.data.readers import SourceCase
from alcseg.data.writer import renamed, write_label
from alcseg.errors import DataError, LabelError, UsageError
from alcseg.types import LabelMap
from alcseg.words import shorten

__all__ = ["RaterPlacer", "choose_fusion"]

_FIX = "Give it the grid of the image first: where the voxels match, the header of the image will do."
_FEW = 3  # cases in which a reader may well lack a class that others drew


def choose_fusion(
    cases: Sequence[SourceCase], extra: Mapping[str, object], fuse_by: Fusion | None
) -> str | None:
    """How labels of several readers become one: `majority`, `staple` or `given`; None where nobody has any.

    What the source itself has as the label beside those of the readers stays, unless a fusion is asked for.

    Raises:
        UsageError: If a fusion is asked for, and no case has labels of two readers.
        DataError: If some cases have a label beside those of several readers, and others have not.
    """
    several = [case for case in cases if len(case.raters) > 1]
    if fuse_by is not None and not several:
        names = sorted({rater for case in cases for rater in case.raters})
        there = f"those of {shorten(names)}, each case by one of them" if names else "no labels of readers"
        raise UsageError(
            f"--fuse {fuse_by}: expected cases with labels of at least two readers, found {there}. "
            "Leave it out, or name the readers' folders with --raters NAME=FOLDER."
        )
    if not any(case.raters for case in cases):
        return None
    if fuse_by is not None:
        return fuse_by
    given = [case for case in several if case.label is not None]
    if given and len(given) < len(several):
        without = [case.case_id for case in several if case.label is None]
        raise DataError(
            f"{given[0].label}: expected a label beside those of the readers for each case, or for none, "
            f"found none for {shorten(without)} ({len(without)} of {len(several)} cases). Add them, or have "
            "all made of the readers' with --fuse majority."
        )
    if given or not several:
        return str(extra.get(FUSION, "given"))
    return "majority"


@dataclass(frozen=True)
class RaterPlacer:
    """Keeps the labels of readers in a dataset folder.

    Attributes:
        root: The folder.
        ending: Of all volumes.
        labels: Class name to value, once `label_map` is applied.
        label_map: Label value in the files to value wanted.
        fusion: See `choose_fusion`.
        anew: Whether it also replaces the label that the source has of a case.
        drew: By reader: cases that others drew, too, and how often each class was drawn in them.
    """

    root: Path
    ending: str
    labels: Mapping[str, int]
    label_map: Mapping[int, int]
    fusion: str
    anew: bool = False
    drew: dict[str, list[tuple[str, frozenset[int]]]] = field(default_factory=dict)

    def place(
        self, case_id: str, raters: Mapping[str, Path], image: Volume, *, given: bool
    ) -> LabelMap | None:
        """Keep the labels of a case, and return what was made of them.

        Args:
            case_id: The case.
            raters: File of each reader's label.
            image: Whose grid they have to lie on.
            given: Whether the source itself has a label of the case.

        Returns:
            The label to train with, in the values wanted; None where that is the given one or the only one.

        Raises:
            GeometryError: If a label lies on another grid.
            LabelError: If one holds a value without a name.
        """
        if len(raters) == 1 and not given:
            return None
        found = {rater: self._read(path, case_id, image) for rater, path in raters.items()}
        for rater, own in found.items():
            write_label(self.root / RATERS / rater / f"{case_id}{self.ending}", own, image)
            drawn = frozenset(np.unique(own).tolist()) - {next(iter(self.labels.values()))}
            self.drew.setdefault(rater, []).append((case_id, drawn))
        if given and not (self.anew and len(found) > 1):
            return None
        how: Fusion = "staple" if self.fusion == "staple" else "majority"
        return fuse([*found.values()], tuple(self.labels.values()), image.spacing, how)

    def require_like(self) -> list[str]:
        """What is odd about the classes that readers drew, once all cases are placed.

        Raises:
            LabelError: If two readers have no class in common.
        """
        used = {rater: frozenset().union(*(own for _, own in cases)) for rater, cases in self.drew.items()}
        names = {value: name for name, value in self.labels.items()}
        notes = []
        for rater, own in used.items():
            other = next((name for name, drawn in used.items() if own and drawn and not own & drawn), None)
            if other is not None:
                raise LabelError(
                    f"labels of {rater}: expected the values of {other}, {shorten(sorted(used[other]))}, "
                    f"found {shorten(sorted(own))} and none of these. Give a structure one value everywhere."
                )
            cases = {case_id for case_id, _ in self.drew[rater]}
            for value in sorted(frozenset().union(*used.values()) - own):
                count = len({
                    case_id
                    for name in used
                    for case_id, drawn in self.drew[name]
                    if value in drawn and case_id in cases
                })  # fmt: skip
                if count >= _FEW:
                    notes.append(
                        f"{rater} never drew {names[value]}, which others drew in {count} of the same cases"
                    )
        return notes

    def _read(self, path: Path, case_id: str, image: Volume) -> LabelMap:
        """A label in the values wanted, on the grid of the image."""
        label = in_axes_of(image, read_label(path))
        values = renamed(label.array, self.label_map)
        require_named_values(replace(label, array=values), self.labels)
        grade = compare_grids(image, label).grade
        if grade != "ok" and (grade == "fatal" or label.shape == image.shape):
            require_same_grid(image, label, case_id, remedy=_FIX)
        return renamed(onto_grid(image, label), self.label_map) if label.shape != image.shape else values
