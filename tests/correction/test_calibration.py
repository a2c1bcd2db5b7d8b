import pytest

from alcseg.correction.calibration import (
    HeldOutClass,
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


def points(count: int) -> list[HeldOutClass]:
    return [HeldOutClass("big", 0.1 * i, 1 - 0.1 * i) for i in range(count)]


@pytest.mark.parametrize(("count", "curves"), [(4, {"all classes"}), (5, {"all classes", "big"})])
def test_a_class_with_few_cases_uses_the_pooled_curve(count: int, curves: set[str]) -> None:
    rare = HeldOutClass("rare", 0.2, 0.1)
    calibration = calibrate([*points(count), rare], cases=("a",))
    assert set(calibration.curves) == curves
    assert calibration.curves["all classes"].n == count + 1
    pooled = curve_at(calibration.curves["all classes"], 0.2)
    assert expected_dice(calibration, "rare", 0.2) == pooled
    assert expected_dice(calibration, "big", 0.2) == (pooled if count < 5 else pytest.approx(0.8))


def test_a_calibration_names_its_cases() -> None:
    calibration = calibrate(points(2), cases=("a", "b"))
    assert calibration.cases == ("a", "b")
    assert "fitted to 2 held-out HQ case(s)" in calibration.note


def test_values_that_are_unknown_are_left_out() -> None:
    unknown = [HeldOutClass("big", float("nan"), 0.3), HeldOutClass("big", 0.3, float("nan"))]
    assert calibrate([*points(2), *unknown], cases=()).curves["all classes"].n == 2


def test_without_held_out_cases_it_says_so() -> None:
    calibration = calibrate([HeldOutClass("x", float("nan"), 0.3)], cases=("a",))
    assert calibration.curves == {}
    assert calibration.cases == ("a",)
    assert expected_dice(calibration, "x", 0.1) is None
    assert calibration.note.startswith("1 held-out HQ case(s), no class of which")
    assert calibrate([], cases=()).note.startswith("no held-out HQ case")
