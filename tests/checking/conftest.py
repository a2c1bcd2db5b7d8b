"""A set of twelve small scans of two organs, and what is kept of each."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.checking import sketch
from alcseg.data.case import Volume
from alcseg.records.cases import CaseRow

LABELS = {"background": 0, "liver": 1, "spleen": 5}
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (30, 24, 20)


def draw(rng):
    """A large organ on one side and a small one on the other, up to a voxel off where they usually are."""
    label = np.zeros(SHAPE, np.uint8)
    x, y, z = rng.integers(0, 2, 3)
    label[4 + x : 14 + x, 7 + y : 18 + y, 4 + z : 12 + z] = 1
    label[20 + x : 25 + x, 5 + y : 11 + y, 9 + z : 14 + z] = 5
    return label


class Cases:
    """Twelve cases; `spoil` changes the label of the third."""

    def __init__(self, rng):
        self.labels = [draw(rng) for _ in range(12)]
        self.images = [
            (rng.normal(0, 0.4, SHAPE) + 2 * (label == 1) - 2 * (label == 5)).astype(np.float32)
            for label in self.labels
        ]
        self.qualities = ["hq"] * 4 + ["lq"] * 8
        self.rows = [
            CaseRow(case_id=f"c{n}", quality=self.qualities[n], split="train", group=f"c{n}", source="")
            for n in range(12)
        ]

    def spoil(self, change, number=2):
        self.labels[number] = np.ascontiguousarray(change(self.labels[number]))

    def sketches(self):
        return [self.sketch(number) for number in range(len(self.rows))]

    def sketch(self, number, affine=AFFINE):
        image, label = (
            Volume(array, affine, None, Path("x.nii.gz"))
            for array in (self.images[number], self.labels[number])
        )
        return sketch(self.rows[number], image, label, LABELS)


@pytest.fixture
def cases(rng):
    return Cases(rng)
