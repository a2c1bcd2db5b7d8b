"""A smooth field of offsets: two halves that are off in different ways."""

import numpy as np

from alcseg.correction.offset_field import fit_offset_field
from alcseg.distances import signed_distance

SPACING = (1.0, 1.0, 1.0)


def slab(top: np.ndarray) -> np.ndarray:
    """Foreground below the height `top` `(X,)` of each column, `(X, 12, 24)`."""
    height = np.arange(24)
    return np.broadcast_to(height[None, None] < top[:, None, None], (len(top), 12, 24)).copy()


def test_each_half_gets_its_own_offset() -> None:
    truth = slab(np.full(40, 12.0))
    given = slab(np.where(np.arange(40) < 20, 9.0, 15.0))  # 3 mm too small, then 3 mm too large
    distance = signed_distance(given, SPACING)
    field = fit_offset_field(
        truth.astype(np.float32), distance, SPACING, offset_mm=0.0, grid_mm=8, smoothness=1e-3, pull=1e-4
    )
    assert field[3:12].mean() > 2
    assert field[28:37].mean() < -2


def test_a_strong_pull_keeps_the_single_offset_and_an_absent_class_has_no_other() -> None:
    truth, given = slab(np.full(40, 12.0)), slab(np.full(40, 10.0))
    distance = signed_distance(given, SPACING)
    field = fit_offset_field(truth.astype(np.float32), distance, SPACING, offset_mm=1.0, pull=1e4)
    assert np.allclose(field, 1.0, atol=0.01)
    empty = np.full(given.shape, np.inf, np.float32)
    assert np.all(fit_offset_field(truth.astype(np.float32), empty, SPACING, offset_mm=0.5) == 0.5)
