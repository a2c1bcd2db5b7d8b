"""What is odd about who drew what: the same voxels drawn twice, and cases that a reader left out.

People do not draw alike to the voxel. Where two labels are, one is likely a copy of the other, a folder was
named twice, or both corrected the same file; then Dice between the two is 1 and says nothing.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from alcseg.types import LabelMap
from alcseg.words import shorten

__all__ = ["LabelsAlike", "not_drawn"]


@dataclass
class LabelsAlike:
    """Labels of readers, met case by case.

    Attributes:
        background: Value of background; a label of nothing else is like no other.
        both: Two readers to the number of cases that both drew something in.
        alike: Two readers to the cases that both drew alike.
        seen: Reader and voxels to the first case with them.
        again: Reader to pairs of cases with the same voxels.
    """

    background: int
    both: Counter[tuple[str, str]] = field(default_factory=Counter)
    alike: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    seen: dict[tuple[str, bytes], str] = field(default_factory=dict)
    again: dict[str, list[str]] = field(default_factory=dict)

    def meet(self, case_id: str, labels: Mapping[str, LabelMap]) -> None:
        """Look at the labels of a case, by reader."""
        voxels = {
            rater: _digest(label) for rater, label in labels.items() if (label != self.background).any()
        }
        for pair in combinations(sorted(voxels), 2):
            self.both[pair] += 1
            if voxels[pair[0]] == voxels[pair[1]]:
                self.alike.setdefault(pair, []).append(case_id)
        for rater, digest in voxels.items():
            first = self.seen.setdefault((rater, digest), case_id)
            if first != case_id:
                self.again.setdefault(rater, []).append(f"{first} and {case_id}")

    def sentences(self) -> list[str]:
        """What was found, a sentence for each two readers and for each reader; none where nothing is odd."""
        found = [
            f"{rater} and {other} drew the same voxels in {len(cases)} of the {self.both[rater, other]} "
            f"cases that both drew ({shorten(cases)}): if one is a copy of the other, take it out"
            for (rater, other), cases in self.alike.items()
        ]
        return found + [
            f"labels of {rater} are the same voxels for different cases ({shorten(pairs)}): take out what "
            "is wrong"
            for rater, pairs in self.again.items()
        ]


def not_drawn(drew: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """By reader, the cases that others drew and this one did not.

    Args:
        drew: By case, who drew it.
    """
    readers = sorted({rater for raters in drew.values() for rater in raters})
    missing = {
        rater: tuple(case_id for case_id, raters in drew.items() if raters and rater not in raters)
        for rater in readers
    }
    return {rater: cases for rater, cases in missing.items() if cases}


def _digest(label: LabelMap) -> bytes:
    found = hashlib.sha256(str(label.shape).encode())
    found.update(np.ascontiguousarray(label, dtype=np.int64).data)
    return found.digest()
