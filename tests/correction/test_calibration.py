import numpy as np
import pytest

from alcseg.correction.calibration import (
    HeldOutClass,
    VoxelReliability,
    calibrate,
    curve_at,
    expected_dice,
    fit_monotone,
)


def test_a_falling_relation_is_kept_and_interpolated() -> None:
    curve = fit_monotone([0.1, 0.3, 0.2], [0.9, 0.5, 0.7])
    assert (curve.n, curve.spearman) == (3, pytest.approx(-1))
    assert [curve_at(curve, u) for u in (0.0, 0.1, 0.15, 0.3, 9.0)] == pytest.approx(
        [0.9, 0.9, 0.8, 0.5, 0.5]
    )


def test_violators_are_pooled_to_their_mean() -> None:
    # 0.6 then 0.8 rises where it should fall: both become 0.7, at the mean uncertainty 0.25.
    curve = fit_monotone([0.1, 0.2, 0.3, 0.4], [0.9, 0.6, 0.8, 0.3])
    assert curve.uncertainty == pytest.approx((0.1, 0.25, 0.4))
    assert curve.expected_dice == pytest.approx((0.9, 0.7, 0.3))


def test_a_pool_weighs_each_point_by_how_many_there_are() -> None:
    # Two points at 0.1 with mean 0.5, one at 0.4 with 0.8: (2 * 0.5 + 0.8) / 3 = 0.6, at (0.2 + 0.4) / 3.
    curve = fit_monotone([0.1, 0.1, 0.4], [0.4, 0.6, 0.8])
    assert curve.uncertainty == pytest.approx((0.2,))
    assert curve.expected_dice == pytest.approx((0.6,))


def test_levels_that_are_equal_become_one_knot() -> None:
    assert len(fit_monotone([0.1, 0.2], [0.75, 0.75]).uncertainty) == 1


def test_one_point_and_constant_points_have_no_correlation() -> None:
    assert fit_monotone([0.1], [0.9]).spearman is None
    assert fit_monotone([0.1, 0.1], [0.9, 0.8]).spearman is None
    assert fit_monotone([0.1, 0.2], [0.9, 0.9]).spearman is None
    assert curve_at(fit_monotone([0.1, 0.1], [0.9, 0.8]), 0.1) == pytest.approx(0.85)


def voxels(*bins: tuple[float, int, int]) -> VoxelReliability:
    """Of (uncertainty, wrong, right)."""
    found = VoxelReliability()
    for u, wrong, right in bins:
        found.add(np.full(wrong + right, u), np.arange(wrong + right) < wrong)
    return found


def test_the_threshold_is_where_errors_become_the_majority() -> None:
    threshold = voxels((0.001, 1, 99), (0.01, 10, 90), (0.105, 60, 40), (0.5, 80, 20)).threshold()
    # The lower edge of the bin of 0.105; there are 20 bins to a factor of ten.
    assert threshold == pytest.approx(0.1, rel=1e-9)


def test_half_of_the_voxels_wrong_is_no_majority() -> None:
    assert voxels((0.1, 50, 50)).threshold() is None
    assert voxels((0.1, 51, 49)).threshold() is not None


def test_rates_are_pooled_before_they_are_asked() -> None:
    # 60 of 100, then 30 of 100: 45 % together, and never again more.
    assert voxels((0.01, 60, 40), (0.1, 30, 70)).threshold() is None


def test_uncertainty_beyond_the_bins_counts_in_the_last_one() -> None:
    threshold = voxels((0.1, 0, 10), (99.0, 10, 0)).threshold()
    assert threshold is not None
    assert 8 < threshold < 10


def test_voxels_that_are_mostly_right_give_no_threshold() -> None:
    assert VoxelReliability().threshold() is None
    assert voxels((0.0, 0, 1), (0.1, 1, 0), (0.2, 0, 1), (5.0, 0, 1)).threshold() is None


def points(count: int) -> list[HeldOutClass]:
    return [HeldOutClass("big", 0.1 * i, 1 - 0.1 * i) for i in range(count)]


@pytest.mark.parametrize(("count", "curves"), [(4, {"all classes"}), (5, {"all classes", "big"})])
def test_a_class_with_few_cases_uses_the_pooled_curve(count: int, curves: set[str]) -> None:
    rare = HeldOutClass("rare", 0.2, 0.1)
    calibration = calibrate([*points(count), rare], VoxelReliability(), cases=("a",))
    assert set(calibration.curves) == curves
    assert calibration.curves["all classes"].n == count + 1
    pooled = curve_at(calibration.curves["all classes"], 0.2)
    assert expected_dice(calibration, "rare", 0.2) == pooled
    assert expected_dice(calibration, "big", 0.2) == (pooled if count < 5 else pytest.approx(0.8))


def test_a_calibration_names_its_cases_and_its_threshold() -> None:
    calibration = calibrate(points(2), voxels((0.1, 9, 1)), cases=("a", "b"))
    assert calibration.cases == ("a", "b")
    assert calibration.voxel_threshold == voxels((0.1, 9, 1)).threshold() is not None
    assert "fitted to 2 held-out HQ case(s)" in calibration.note


def test_values_that_are_unknown_are_left_out() -> None:
    unknown = [HeldOutClass("big", float("nan"), 0.3), HeldOutClass("big", 0.3, float("nan"))]
    assert calibrate([*points(2), *unknown], VoxelReliability(), cases=()).curves["all classes"].n == 2


def test_without_held_out_cases_it_says_so() -> None:
    calibration = calibrate([HeldOutClass("x", float("nan"), 0.3)], voxels((0.1, 9, 1)), cases=("a",))
    assert calibration.curves == {}
    assert calibration.voxel_threshold is None
    assert calibration.cases == ("a",)
    assert expected_dice(calibration, "x", 0.1) is None
    assert "no held-out HQ case" in calibration.note
