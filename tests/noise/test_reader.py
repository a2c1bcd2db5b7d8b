"""Reader: each of its parts alone, by constants that silence the others, and all of it against readers."""

import numpy as np
import pytest

from alcseg.metrics import dice
from alcseg.noise import apply, offset_mm_mean
from alcseg.noise.distance import surface_distance
from alcseg.noise.reader import Reader

CT = (0.7, 0.7, 1.25)  # mm, a common grid of the scans that the model is fitted to


def ball(radius_mm: float, spacing=CT) -> np.ndarray:
    """A ball in a volume that leaves as much room again on every side."""
    grid = np.meshgrid(*(np.arange(-2 * radius_mm, 2 * radius_mm, step) for step in spacing), indexing="ij")
    return (sum(axis**2 for axis in grid) < radius_mm**2).astype(np.uint8)


def test_the_common_distance_moves_the_contour_of_every_slice(context) -> None:
    label = np.zeros((9, 40, 40), np.uint8)
    label[2:7, 10:30, 10:30] = 3
    spacing = (4.0, 1.0, 1.0)
    signs = set()
    for seed in range(6):
        outcome = Reader(offset=100, ends=0)(label, context(0.03, unit="mm", spacing=spacing, seed=seed))
        offset = outcome.details["offset_mm"]
        assert outcome.details["axis"] == 0
        # The k-th pixel beyond a side has its center k - 0.5 mm outside: an offset d takes round(d) of them.
        wanted = {20 + 2 * round(offset + local) for local in (-0.09, 0, 0.09)}
        assert {int(row.sum()) for row in outcome.label[2:7, 20].astype(bool)} <= wanted
        assert not outcome.label[[0, 1, 7, 8]].any()
        signs.add(np.sign(offset))
    assert signs == {-1, 1}


@pytest.mark.parametrize("thickness", [1.0, 2.5])
def test_ends_move_by_a_length_in_mm(context, thickness: float) -> None:
    spacing = (0.5, 0.5, thickness)
    disc = ball(6, (0.5, 0.5, 1.0))[..., 12] > 0
    label = np.zeros((*disc.shape, round(80 / thickness)), np.uint8)
    start, stop = round(30 / thickness), round(50 / thickness)
    label[disc, start:stop] = 1
    lengths = []
    for seed in range(60):
        model = Reader(offset=0, ends=300, added_area=0.4)
        outcome = model(label, context(0.01, unit="mm", spacing=spacing, seed=seed))
        low, high = (outcome.details[f"slices_added_{end}"] for end in ("low", "high"))
        areas = outcome.label.sum(axis=(0, 1)) / label[..., start].sum()
        assert np.flatnonzero(areas).tolist() == list(range(start - low, stop + high))
        added = np.delete(areas, range(start, stop))
        assert added[added > 0] == pytest.approx(0.4, abs=0.05)
        assert areas[max(start, start - low) : min(stop, stop + high)] == pytest.approx(1)
        lengths += [low * thickness, high * thickness]
    # The mean of a Laplace distribution's absolute values is its scale, 3 mm; standard error 0.3 mm.
    assert np.abs(lengths).mean() == pytest.approx(3, abs=0.8)
    assert np.mean(lengths) == pytest.approx(0, abs=1.2)


def test_ends_stay_within_the_volume_and_leave_a_slice(context) -> None:
    label = np.zeros((20, 20, 6), np.uint8)
    label[5:15, 5:15, 1:4] = 1
    for seed in range(20):
        outcome = Reader(offset=0, ends=1000)(label, context(0.05, unit="mm", seed=seed))
        low, high = (outcome.details[f"slices_added_{end}"] for end in ("low", "high"))
        assert low <= 1
        assert high <= 2
        assert np.flatnonzero(outcome.label.any(axis=(0, 1))).size == 3 + low + high >= 1


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.5, 1.0, 2.0)])
def test_local_displacement_is_the_size_in_mm(context, spacing) -> None:
    label = np.zeros([round(60 / step) for step in spacing], np.uint8)
    low, high = (round(edge / spacing[0]) for edge in (20, 40))
    label[low:high] = 1  # two parallel sides, 10 mm from the middle
    model = Reader(offset=0, ends=0, correlation=0.3)
    outcome = model(label, context(2.0, unit="mm", spacing=spacing))
    edges_mm = outcome.label[: (low + high) // 2].sum(axis=0) * spacing[0]
    assert outcome.details["correlation_mm"] == pytest.approx(3, abs=0.4)
    # Some 50 independent patches of both estimate it to a tenth.
    assert edges_mm.std() == pytest.approx(2, abs=0.4)
    for edges, step in ((edges_mm, spacing[1]), (edges_mm.T, spacing[2])):
        lag = round(6 / step)
        # exp(-1) at twice the deviation of the filter
        found = np.corrcoef(edges[:-lag].ravel(), edges[lag:].ravel())[0, 1]
        assert found == pytest.approx(np.exp(-1), abs=0.25)


def test_no_voxel_far_from_the_contour_changes_and_those_that_stay_keep_their_class(context) -> None:
    label = ball(12)
    label[label.shape[0] // 2 :] *= 7
    outcome = Reader(ends=0)(label, context(10))
    changed = outcome.label != label
    assert changed.any()
    both = (outcome.label > 0) & (label > 0)
    assert np.array_equal(outcome.label[both], label[both])
    most = abs(outcome.details["offset_mm"]) + 3 * outcome.details["local_mm_std"]
    for index in np.flatnonzero(changed.any(axis=(0, 1))):
        far = np.abs(surface_distance(label[..., index] > 0, CT[:2]))
        assert far[changed[..., index]].max() <= most


def test_twice_the_size_errs_twice_as_much() -> None:
    label = ball(10)

    def error(percent: float) -> float:
        noisy = [
            apply("reader", label, CT, size=(percent, percent), unit="percent", seed=n) for n in range(12)
        ]
        return float(np.mean([1 - dice(each > 0, label > 0) for each in noisy]))

    assert error(16) / error(8) == pytest.approx(2, abs=0.4)


def test_default_size_differs_as_readers_do() -> None:
    label = ball(4.5)
    noisy = [apply("reader", label, CT, seed=seed) > 0 for seed in range(60)]
    again = [apply("reader", label, CT, seed=seed) > 0 for seed in range(60)]
    assert np.array_equal(noisy, again)
    scores = [dice(each, label > 0) for each in noisy]
    # Readers of nodules of 4 to 5.5 mm: mean 0.85; of all that were fitted or checked, 10 % below 0.74.
    assert np.mean(scores) == pytest.approx(0.85, abs=0.04)
    assert np.percentile(scores, 10) == pytest.approx(0.74, abs=0.06)
    offsets = [offset_mm_mean(each, label > 0, CT) for each in noisy]
    # Quartiles of the readers' offsets lie 13 % of the radius apart.
    assert np.ptp(np.percentile(offsets, (25, 75))) == pytest.approx(0.13 * 4.5, abs=0.3)
    assert abs(np.mean(offsets)) < 0.3
