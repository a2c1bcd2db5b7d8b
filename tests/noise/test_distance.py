import numpy as np
import pytest

from alcseg.noise.distance import inscribed_radius, offset_mm_mean, surface_distance


def box(low: int, high: int, shape: tuple[int, int, int] = (24, 24, 24)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_outside_of_the_array_is_background() -> None:
    got = surface_distance(np.ones((5, 9, 9), bool), (2.0, 2.0, 2.0))[:, 4, 4]
    # Voxel 0 lies 1 mm from the border of the array, which is a surface; without it there would be none.
    assert got.tolist() == [-1, -3, -5, -3, -1]


def test_inscribed_radius_is_the_half_thickness() -> None:
    mask = np.zeros((9, 30, 30), bool)
    mask[2:7] = True
    # Five layers of 3 mm; the middle voxel's center is 7.5 mm from either side.
    assert inscribed_radius(mask, (3.0, 1.0, 1.0)) == 7.5
    assert inscribed_radius(mask, (3.0, 3.0, 3.0)) == 7.5


@pytest.mark.parametrize(("low", "high", "expected"), [(8, 16, 0.0), (5, 19, 3.0), (10, 14, -2.0)])
def test_offset_of_boxes(low: int, high: int, expected: float) -> None:
    # Faces keep their distance, edges and corners of the larger box lie a little farther away.
    got = offset_mm_mean(box(low, high), box(8, 16), (1.0, 1.0, 1.0))
    assert got == pytest.approx(expected, abs=0.6)
    assert (got == 0) == (expected == 0)


@pytest.mark.parametrize("spacing", [(0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.5, 0.5, 2.0)])
@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_offset_of_concentric_balls_on_any_grid(spacing: tuple[float, ...], shift: float) -> None:
    axes = [np.arange(-14, 14 + step, step) for step in spacing]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    clean = x**2 + y**2 + z**2 < 10**2
    # The distance to a stepped oblique surface is that to its tips: up to a third of a voxel too small.
    slack = max(0.25, max(spacing) / 3)
    noisy = x**2 + y**2 + z**2 < (10 + shift) ** 2
    assert offset_mm_mean(noisy, clean, spacing) == pytest.approx(shift, abs=slack)


def test_offset_of_nothing_is_not_a_number_but_none() -> None:
    assert offset_mm_mean(box(0, 0), box(8, 16), (1.0, 1.0, 1.0)) is None


@pytest.mark.parametrize(
    "noisy", [np.s_[10:30, 10:30, 5:11], np.s_[10:30, 10:30, 7:9], np.s_[9:31, 9:31, 6:10]]
)
def test_offset_in_thick_slices_is_that_of_thin_ones(noisy) -> None:
    clean, drawn = np.zeros((2, 40, 40, 16), bool)
    clean[10:30, 10:30, 6:10] = drawn[noisy] = True
    thin = offset_mm_mean(np.repeat(drawn, 5, 2), np.repeat(clean, 5, 2), (1.0, 1.0, 1.0))
    assert offset_mm_mean(drawn, clean, (1.0, 1.0, 5.0)) == pytest.approx(thin, abs=0.2)
