import numpy as np
import pytest

from alcseg.noise.distance import inscribed_radius, offset_mm_mean, signed_distance


def box(low: int, high: int, shape: tuple[int, int, int] = (24, 24, 24)) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[low:high, low:high, low:high] = True
    return mask


def test_surface_runs_between_voxels() -> None:
    mask = np.zeros((6, 1, 1), bool)
    mask[:3] = True
    got = signed_distance(np.repeat(np.repeat(mask, 9, 1), 9, 2), (2.0, 9.0, 9.0))[:, 4, 4]
    # Voxel 0 lies 1 mm from the border of the array, which is a surface too.
    assert got.tolist() == [-1, -3, -1, 1, 3, 5]


def test_inscribed_radius_is_the_half_thickness() -> None:
    mask = np.zeros((9, 30, 30), bool)
    mask[2:7] = True
    # Five layers of 3 mm; the middle voxel's center is 7.5 mm from either side. Which voxel is the nearest is
    # decided between centers, so unequal steps may add half of their difference.
    assert 7.5 <= inscribed_radius(mask, (3.0, 1.0, 1.0)) <= 8.5
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
    # Oblique surfaces are stepped, and the half step of a voxel counts for more than the step is deep there.
    noisy = x**2 + y**2 + z**2 < (10 + shift) ** 2
    assert offset_mm_mean(noisy, clean, spacing) == pytest.approx(shift, abs=0.45)


def test_offset_of_nothing_is_not_a_number_but_none() -> None:
    assert offset_mm_mean(box(0, 0), box(8, 16), (1.0, 1.0, 1.0)) is None
