import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from medpy.metric import binary

from alcseg.errors import ShapeError, UsageError
from alcseg.metrics import asd, asd_ref_to_pred, assd, hd95, hd95_directed, nsd, surface_distances

LENGTHS = [asd, asd_ref_to_pred, assd, hd95, hd95_directed]


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two different boxes with specks, some of them at the border of the volume."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(2):
        mask = rng.random((12, 10, 8)) < 0.02
        low = rng.integers(0, 4, size=3)
        mask[tuple(slice(int(a), int(a) + int(rng.integers(2, 6))) for a in low)] = True
        found.append(mask)
    return found[0], found[1]


def test_two_points() -> None:
    pred, ref = np.zeros((2, 8, 4, 4), bool)
    pred[0, 0, 0] = True
    ref[3, 0, 2] = True
    spacing = (1.0, 1.0, 2.0)
    for metric in LENGTHS:
        assert metric(pred, ref, spacing) == pytest.approx(5.0)  # 3 voxels of 1 mm, 2 of 2 mm
    assert nsd(pred, ref, spacing, tolerance_mm=4.9) == 0
    assert nsd(pred, ref, spacing, tolerance_mm=5.0) == 1


def test_two_points_of_a_sheared_grid() -> None:
    pred, ref = np.zeros((2, 8, 4, 4), bool)
    pred[0, 0, 0] = True
    ref[3, 0, 2] = True
    # The third axis leans towards the first: two steps of 5 mm are (6, 0, 8) mm, three of 2 mm (6, 0, 0).
    directions = np.array([[1, 0, 0.6], [0, 1, 0], [0, 0, 0.8]])
    found = surface_distances(pred, ref, (2.0, 1.0, 5.0), directions=directions)
    assert found.hd95() == found.assd() == pytest.approx(np.hypot(12, 8))
    turned = surface_distances(pred, ref, (2.0, 1.0, 5.0), directions=np.eye(3)[[2, 0, 1]])
    assert turned.hd95() == pytest.approx(hd95(pred, ref, (2.0, 1.0, 5.0)))


def test_one_layer_more() -> None:
    ref = np.zeros((9, 9, 9), bool)
    ref[3:6, 3:6, 3:6] = True
    pred = ref.copy()
    pred[6, 3:6, 3:6] = True
    # Surfaces: 26 voxels of the 3x3x3 cube, 34 of the 4x3x3 box. Of the box, all are on the other surface but
    # the 9 new ones, 1 voxel away; of the cube, the middle of a former face is inside the box, 1 voxel away.
    assert asd(pred, ref, (1.0, 1.0, 1.0)) == pytest.approx(9 / 34)
    assert asd_ref_to_pred(pred, ref, (1.0, 1.0, 1.0)) == pytest.approx(1 / 26)
    assert assd(pred, ref, (1.0, 1.0, 1.0)) == pytest.approx((9 + 1) / (34 + 26))
    assert nsd(pred, ref, (1.0, 1.0, 1.0), tolerance_mm=0.5) == pytest.approx((25 + 25) / (34 + 26))


@pytest.mark.parametrize("step", [0.2, float(np.float32(0.2)), 1.0, 1 - 1e-8, 1 + 1e-8])
def test_a_distance_of_the_tolerance_is_no_error_whatever_the_header_rounds(step: float) -> None:
    pred, ref = np.zeros((2, 30, 5, 5), bool)
    pred[:12], ref[:9] = True, True  # the far faces lie three voxels apart
    assert nsd(pred, ref, (step,) * 3, tolerance_mm=round(3 * step, 2)) == 1
    assert nsd(pred, ref, (step,) * 3, tolerance_mm=round(2.99 * step, 3)) < 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000), spacing=st.sampled_from([(1.0, 1.0, 1.0), (0.7, 0.9, 2.5), (3.0, 0.1, 1.0)])
)
def test_as_medpy(seed: int, spacing: tuple[float, ...]) -> None:
    pred, ref = masks(seed)
    assert hd95(pred, ref, spacing) == pytest.approx(binary.hd95(pred, ref, spacing), abs=1e-9)
    assert asd(pred, ref, spacing) == pytest.approx(binary.asd(pred, ref, spacing), abs=1e-9)
    assert asd_ref_to_pred(pred, ref, spacing) == pytest.approx(binary.asd(ref, pred, spacing), abs=1e-9)
    assert assd(pred, ref, spacing) == pytest.approx(binary.assd(pred, ref, spacing), abs=1e-9)
    found = surface_distances(pred, ref, spacing)
    assert max(found.pred_to_ref.max(), found.ref_to_pred.max()) == pytest.approx(
        binary.hd(pred, ref, spacing), abs=1e-9
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), axis=st.integers(0, 2))
def test_symmetry_spacing_and_flips(seed: int, axis: int) -> None:
    pred, ref = masks(seed)
    spacing = (0.8, 1.0, 2.0)
    double = (1.6, 2.0, 4.0)
    for metric in (hd95, hd95_directed, assd):
        assert metric(pred, ref, spacing) == pytest.approx(metric(ref, pred, spacing), abs=1e-12)
    assert asd(pred, ref, spacing) == pytest.approx(asd_ref_to_pred(ref, pred, spacing), abs=1e-12)
    assert nsd(pred, ref, spacing) == nsd(ref, pred, spacing)
    assert 0 <= nsd(pred, ref, spacing) <= 1
    for metric in LENGTHS:
        value = metric(pred, ref, spacing)
        assert metric(pred, ref, double) == pytest.approx(2 * value, abs=1e-9)
        assert metric(np.flip(pred, axis), np.flip(ref, axis), spacing) == pytest.approx(value, abs=1e-9)
        assert metric(pred, pred, spacing) == 0
    assert nsd(pred, pred, spacing, tolerance_mm=0) == 1


def test_pooled_and_directed_percentiles_differ() -> None:
    pred, ref = np.zeros((2, 40, 40, 1), bool)
    ref[10:30, 10:30] = True
    pred[10:30, 10:30] = True
    pred[0, 0] = True  # one speck among 400 surface voxels each: below the 5 % that the percentile leaves out
    pred[32:34, 10:30] = True
    # The prediction's own direction holds both specks and is the larger one.
    assert hd95_directed(pred, ref, (1.0, 1.0, 1.0)) > hd95(pred, ref, (1.0, 1.0, 1.0))


@pytest.mark.parametrize("metric", LENGTHS)
def test_empty_masks_are_nan_and_inf(metric) -> None:
    empty, filled = np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)
    assert math.isnan(metric(empty, empty, (1.0, 1.0, 1.0)))
    assert metric(empty, filled, (1.0, 1.0, 1.0)) == metric(filled, empty, (1.0, 1.0, 1.0)) == math.inf


def test_empty_masks_earn_no_surface_dice() -> None:
    empty, filled = np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)
    assert math.isnan(nsd(empty, empty, (1.0, 1.0, 1.0)))
    assert nsd(empty, filled, (1.0, 1.0, 1.0)) == nsd(filled, empty, (1.0, 1.0, 1.0)) == 0


def test_refuses_wrong_spacing_and_tolerance() -> None:
    mask = np.ones((3, 3, 3), bool)
    with pytest.raises(ShapeError, match="one positive spacing"):
        hd95(mask, mask, (1.0, 1.0))
    with pytest.raises(UsageError, match="tolerance"):
        nsd(mask, mask, (1.0, 1.0, 1.0), tolerance_mm=-1)
