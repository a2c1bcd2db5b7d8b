import numpy as np
import pytest

from alcseg.noise.distance import surface_distance
from alcseg.noise.smooth_boundary import SmoothBoundary, unit_field


def slab() -> np.ndarray:
    """The lower half of a wide volume: over each column of voxels the surface has a height of its own."""
    label = np.zeros((48, 48, 28), np.uint8)
    label[4:44, 4:44, 3:18] = 1
    return label


def test_displacement_is_what_the_details_say(context) -> None:
    # A short correlation for many independent bumps: 0.4 of 7.5 mm are 3 mm.
    outcome = SmoothBoundary(correlation=0.4)(slab(), context(1.5, unit="mm"))
    details = outcome.details
    assert details["correlation_mm"] == pytest.approx(0.4 * 7.5, abs=0.21)
    heights = outcome.label[12:36, 12:36, 10:].sum(axis=2)  # 8 where the surface stayed
    # Whole voxels add a variance of 1/12 mm^2 and the field varies over a voxel.
    assert heights.std() == pytest.approx(details["displacement_mm_std"], abs=0.25)
    assert heights.mean() - 8 == pytest.approx(details["displacement_mm_mean"], abs=0.35)
    assert details["displacement_mm_std"] == pytest.approx(1.5, rel=0.15)


def test_field_has_unit_variance_and_the_correlation_length_in_mm() -> None:
    spacing = (0.5, 1.0, 2.0)
    field = unit_field((120, 60, 30), 2.0, spacing, np.random.default_rng(0))
    assert field.std() == pytest.approx(1, abs=0.1)
    for axis, step in enumerate(spacing):
        moved = np.moveaxis(field, axis, 0)
        lag = round(4 / step)
        # White noise after a Gaussian of s has the correlation exp(-d^2 / 4 s^2): exp(-1) at d = 2 s.
        found = np.corrcoef(moved[:-lag].ravel(), moved[lag:].ravel())[0, 1]
        assert found == pytest.approx(np.exp(-1), abs=0.12)


def test_no_voxel_farther_than_three_deviations_changes(context) -> None:
    label = slab()
    changed = SmoothBoundary()(label, context(1.0, unit="mm")).label != label
    assert changed.any()
    assert np.abs(surface_distance(label > 0, (1.0,) * 3)[changed]).max() <= 3
