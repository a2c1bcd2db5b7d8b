import math

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from alcseg.errors import ShapeError
from alcseg.metrics import boundary_shift, label_noise


def box() -> np.ndarray:
    mask = np.zeros((20, 20, 20), bool)
    mask[6:14, 6:14, 6:14] = True
    return mask


def test_shift_has_the_sign_of_the_error() -> None:
    clean, spacing = box(), (0.5, 0.5, 0.5)
    grown, shrunk = binary_dilation(clean, iterations=2), binary_erosion(clean, np.ones((3, 3, 3)))
    # Two voxels of 0.5 mm outward across each face, a bit less on the way back to edges and corners.
    assert 0.8 < boundary_shift(grown, clean, spacing) <= 1.0
    assert boundary_shift(shrunk, clean, spacing) == pytest.approx(-0.5, abs=0.1)
    assert boundary_shift(clean, clean, spacing) == 0


def test_shift_is_antisymmetric(rng: np.random.Generator) -> None:
    noisy = box()
    noisy[14:17, 8:12, 8:12] = True
    noisy[6:8, 6:9, 6:9] = False
    spacing = (1.0, 1.2, 2.0)
    assert boundary_shift(noisy, box(), spacing) == pytest.approx(-boundary_shift(box(), noisy, spacing))


def test_balanced_errors_cancel() -> None:
    assert boundary_shift(np.roll(box(), 1, axis=0), box(), (1.0, 1.0, 1.0)) == pytest.approx(0)


def test_empty_masks() -> None:
    empty = np.zeros((20, 20, 20), bool)
    spacing = (1.0, 1.0, 1.0)
    assert boundary_shift(box(), empty, spacing) == math.inf
    assert boundary_shift(empty, box(), spacing) == -math.inf
    assert math.isnan(boundary_shift(empty, empty, spacing))


def test_volumes_per_class() -> None:
    clean = np.zeros((4, 4, 4), np.uint8)
    clean[0, 0, :3] = 1
    clean[3, 3, :2] = 2
    noisy = clean.copy()
    noisy[0, 0, 3] = 1
    noisy[3, 3, 0] = 0
    first, second = label_noise(noisy, clean, [1, 2], (1.0, 1.0, 2.0))
    assert (first.value, first.added_mm3, first.removed_mm3, first.volume_change_mm3) == (1, 2.0, 0.0, 2.0)
    assert first.dice == pytest.approx(6 / 7)
    assert (second.added_mm3, second.removed_mm3, second.volume_change_mm3) == (0.0, 2.0, -2.0)
    assert first.shift_mm > 0 > second.shift_mm


def test_refuses_other_shapes() -> None:
    with pytest.raises(ShapeError, match="one grid"):
        label_noise(np.ones((2, 2, 2), int), np.ones((2, 2, 3), int), [1], (1.0, 1.0, 1.0))
