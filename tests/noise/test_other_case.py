import numpy as np
import pytest

from alcseg.errors import UsageError
from alcseg.noise import OtherLabels
from alcseg.noise.other_case import OtherCase


def labels() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {name: rng.integers(0, 4, (6, 5, 4)).astype(np.int16) for name in "bcd"}


def test_voxels_are_those_of_the_case_named(context) -> None:
    found = labels()
    others = OtherLabels(tuple(found), lambda name: (found[name], (1.0, 1.0, 1.0)))
    named = set()
    for seed in range(16):
        outcome = OtherCase()(np.ones((6, 5, 4), np.uint8), context(others=others, seed=seed))
        assert np.array_equal(outcome.label, found[outcome.details["case_id"]])
        assert outcome.label.dtype == np.uint8
        named.add(outcome.details["case_id"])
    assert named == {"b", "c", "d"}


def test_other_grids_are_laid_center_on_center_in_mm(context) -> None:
    other = np.zeros((2, 3, 1), np.uint8)
    other[0, 1], other[1, 1] = 1, 2  # two voxels of 2 mm on either side of the center
    others = OtherLabels(("b",), lambda name: (other, (2.0, 1.0, 1.0)))
    got = OtherCase()(np.ones((8, 5, 1), np.uint8), context(others=others)).label
    # Of 8 voxels of 1 mm the four in the middle are covered, two by each; beyond them is background.
    assert got[:, 2, 0].tolist() == [0, 0, 1, 1, 2, 2, 0, 0]
    assert got.sum() == 6


def test_needs_another_case(context) -> None:
    with pytest.raises(UsageError, match="found none"):
        OtherCase()(np.ones((2, 2, 2), np.uint8), context())
