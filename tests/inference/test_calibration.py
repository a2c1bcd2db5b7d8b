import json

import numpy as np
import pytest

from alcseg.inference.calibration import VoxelReliability, calibrate, fit_monotone


def test_a_falling_relation_is_kept_and_interpolated() -> None:
    fit = fit_monotone([0.1, 0.3, 0.2], [0.9, 0.5, 0.7])
    assert fit.spearman == pytest.approx(-1)
    assert [fit(u) for u in (0.0, 0.1, 0.15, 0.3, 9.0)] == pytest.approx([0.9, 0.9, 0.8, 0.5, 0.5])


def test_violators_are_pooled_to_their_mean() -> None:
    # 0.6 then 0.8 rises where it should fall: both become 0.7, at the mean uncertainty 0.25.
    fit = fit_monotone([0.1, 0.2, 0.3, 0.4], [0.9, 0.6, 0.8, 0.3])
    assert fit.uncertainty == pytest.approx((0.1, 0.25, 0.4))
    assert fit.dice == pytest.approx((0.9, 0.7, 0.3))


def test_one_point_and_constant_points_have_no_correlation() -> None:
    assert np.isnan(fit_monotone([0.1], [0.9]).spearman)
    assert np.isnan(fit_monotone([0.1, 0.1], [0.9, 0.8]).spearman)
    assert fit_monotone([0.1, 0.1], [0.9, 0.8])(0.1) == pytest.approx(0.85)


def test_the_threshold_is_where_errors_become_the_majority() -> None:
    voxels = VoxelReliability()
    for u, wrong, right in ((0.001, 1, 99), (0.01, 10, 90), (0.1, 60, 40), (0.5, 80, 20)):
        voxels.add(np.full(wrong + right, u), np.arange(wrong + right) < wrong)
    assert 0.01 < voxels.threshold() <= 0.1


def test_voxels_that_are_mostly_right_give_no_threshold() -> None:
    voxels = VoxelReliability()
    assert voxels.threshold() == np.inf
    voxels.add(np.array([0.0, 0.1, 0.2, 5.0]), np.array([False, True, False, False]))
    assert voxels.threshold() == np.inf


def test_a_class_with_few_cases_uses_the_pooled_curve() -> None:
    points = [(f"c{i}", "big", 0.1 * i, 1 - 0.1 * i) for i in range(6)] + [("c0", "rare", 0.2, 0.1)]
    calibration = calibrate(points, VoxelReliability(), cases=tuple(f"c{i}" for i in range(6)))
    assert set(calibration.fits) == {"", "big"}
    assert calibration.expected_dice("big", 0.1) == pytest.approx(0.9)
    assert calibration.expected_dice("rare", 0.1) == calibration.fits[""](0.1)
    stored = json.loads(json.dumps(calibration.to_dict(), allow_nan=False))
    assert stored["curves"]["big"]["spearman"] == pytest.approx(-1)
    assert stored["voxel_threshold"] is None
    assert calibration.to_document()["held_out_cases"] == 6


def test_without_held_out_cases_it_says_so() -> None:
    calibration = calibrate([("a", "x", float("nan"), 0.3)], VoxelReliability(), cases=())
    assert not calibration.usable
    assert calibration.expected_dice("x", 0.1) is None
    assert "no held-out HQ case" in calibration.note
