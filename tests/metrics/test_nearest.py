"""Distances to the nearest voxel: those of all pairs, with the tree left for far ones."""

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import cdist

from alcseg.metrics import evaluate, nearest, surface_distances
from alcseg.metrics.nearest import nearest_distances
from alcseg.metrics.surface import SurfaceDistances


def by_pairs(mask, other, spacing):
    return cdist(np.argwhere(mask) * spacing, np.argwhere(other) * spacing).min(axis=1)


@pytest.mark.parametrize("share", [0.0005, 0.02, 0.3])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.1, 9.0), (9.0, 1.1, 0.7), (2, 2, 2)])
@pytest.mark.parametrize("lookups", [1, 1000, 2**14])  # lines one by one, some at once, and most
def test_as_all_pairs(share, spacing, lookups, rng, monkeypatch):
    monkeypatch.setattr(nearest, "_LOOKUPS", lookups)
    mask, other = rng.random((2, 25, 30, 21)) < [[[[0.02]]], [[[share]]]]
    np.testing.assert_allclose(
        nearest_distances(mask, other, spacing), by_pairs(mask, other, spacing), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("shape", [(40,), (30, 20), (1, 1, 3), (300, 1, 1), (5, 6, 4, 3)])
def test_any_number_of_axes_and_thin_volumes(shape, rng):
    mask, other = np.zeros((2, *shape), bool)
    mask.flat[[0, -1]] = other.flat[1] = True
    spacing = rng.uniform(0.5, 2, len(shape))
    np.testing.assert_allclose(nearest_distances(mask, other, tuple(spacing)), by_pairs(mask, other, spacing))


def test_without_another_mask_everything_is_infinitely_far():
    mask, empty = np.ones((2, 2, 2), bool), np.zeros((2, 2, 2), bool)
    assert np.isposinf(nearest_distances(mask, empty, (1, 1, 1))).all()
    assert nearest_distances(empty, mask, (1, 1, 1)).shape == (0,)


@pytest.fixture
def ball():
    x, y, z = np.ogrid[-20:20, -20:20, -20:20]
    return x**2 + y**2 + z**2 < 13**2


@pytest.fixture
def asked(monkeypatch):
    """How many voxels a tree of how many is asked about."""
    counts = []
    original = nearest.KDTree.query

    def query(self, points):
        counts.append((len(points), self.n))
        return original(self, points)

    monkeypatch.setattr(nearest.KDTree, "query", query)
    return counts


def test_surfaces_near_one_another_need_no_tree(ball, asked):
    surface_distances(ball, np.roll(ball, 4, 1), (1.25, 1.25, 1.25))
    assert asked == []


def test_only_what_is_far_asks_the_tree(ball, asked):
    pred = ball.copy()
    pred[0, 0, :5] = True  # some voxels in a corner
    found = surface_distances(pred, ball, (1.0, 1.0, 1.0))
    assert [voxels for voxels, _ in asked] == [5]
    assert found.hd95() == 0


def test_the_tree_holds_what_may_be_nearest_alone(ball, asked):
    truth = np.concatenate((ball, np.zeros((20, 40, 40), bool)))
    pred = truth.copy()
    pred[50:52, 20, 20] = True
    found = surface_distances(pred, truth, (1.0, 1.0, 1.0))
    assert found.pred_to_ref.max() == 19  # from 51 to the ball's last voxel, 32
    ((voxels, held),) = asked
    assert voxels == 2
    assert held < len(found.ref_to_pred) / 4  # the end of the ball alone


def test_a_percentile_is_that_of_numpy(rng):
    for count in (1, 2, 3, 20, 21, 1000):
        values = rng.random(count)
        distances = SurfaceDistances(values, values[:1])
        both = np.concatenate((values, values[:1]))
        assert distances.hd95() == pytest.approx(np.percentile(both, 95), rel=1e-14)
        assert distances.hd95_directed() == pytest.approx(
            max(np.percentile(values, 95), values[0]), rel=1e-14
        )


def test_surfaces_are_measured_once_for_all_metrics(ball, monkeypatch):
    calls = []
    monkeypatch.setattr(
        "alcseg.metrics.surface.nearest_distances",
        lambda *args, **options: calls.append(1) or nearest_distances(*args, **options),
    )
    evaluate(np.roll(ball, 2, 0), ball, (1, 1, 1))
    assert len(calls) == 2  # there and back


def test_neither_empty_space_nor_classes_cost_memory(ball):
    truth = np.zeros((160, 160, 160), np.uint8)
    for value in range(1, 9):
        at = 18 * value - 16
        truth[at : at + 20, 5:45, 100:140][ball[10:30]] = value
    pred = ndimage.shift(truth, (2, 0, 0), order=0)
    tracemalloc.start()
    evaluate(pred, truth, (1, 1, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * truth.nbytes
