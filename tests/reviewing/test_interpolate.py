import numpy as np
import pytest

from alcseg.metrics.overlap import dice
from alcseg.reviewing.interpolate import interpolate_slices


def _cone(shape: tuple[int, int, int], slope: float) -> np.ndarray:
    """A cone whose axis leans: radius grows and center moves from slice to slice."""
    x, y, z = np.indices(shape)
    center = 12 + slope * z
    return ((x - center) ** 2 + (y - 15) ** 2 <= (4 + 0.5 * z) ** 2).astype(np.uint8)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("slope", [0.0, 1.2])
def test_left_out_slices_come_back(axis: int, slope: float) -> None:
    whole = _cone((40, 32, 13), slope)
    drawn = whole.copy()
    drawn[:, :, np.arange(13) % 4 != 0] = 0
    filled = np.moveaxis(interpolate_slices(np.moveaxis(drawn, 2, axis), 1, axis), axis, 2)
    assert dice(filled > 0, whole > 0) > 0.97
    np.testing.assert_array_equal(filled[:, :, ::4], drawn[:, :, ::4])


def test_other_classes_stay_and_drawn_slices_too() -> None:
    drawn = np.zeros((10, 10, 5), np.uint8)
    drawn[2:8, 2:8, 0] = drawn[2:8, 2:8, 4] = 1
    drawn[4:6, 4:6, 2] = 2
    before = drawn.copy()
    filled = interpolate_slices(drawn, 1, 2)
    np.testing.assert_array_equal(drawn, before)
    np.testing.assert_array_equal(filled[4:6, 4:6, 2], 2)
    assert (filled[2:8, 2:8, 1] == 1).all()
    assert (filled == 1).sum() == 5 * 36 - 4


def test_nothing_between_nothing() -> None:
    drawn = np.zeros((6, 6, 6), np.uint8)
    drawn[2:4, 2:4, 3] = 1
    np.testing.assert_array_equal(interpolate_slices(drawn, 1, 2), drawn)
    np.testing.assert_array_equal(interpolate_slices(drawn, 2, 2), drawn)
