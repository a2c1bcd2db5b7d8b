import numpy as np
import pytest

from alcseg.noise.slice_offset import SliceOffset


def test_every_slice_moves_by_the_offset_named(context) -> None:
    label = np.zeros((40, 40, 9), np.uint8)
    label[10:30, 10:30, 2:7] = 3  # half width 10 mm, faces half a voxel outside of the outermost centers
    outcome = SliceOffset()(label, context(3.0, unit="mm", spacing=(1.0, 1.0, 4.0)))
    offsets = outcome.details["slice_offsets_mm"]
    assert len(offsets) == 5
    assert outcome.details["axis"] == 2
    assert outcome.details["offset_mm_std"] == pytest.approx(np.std(offsets), abs=1e-3)
    # The center of the k-th voxel beyond a face lies k - 0.5 mm outside: an offset d takes round(d) of them.
    widths = [int(outcome.label[:, 20, index].astype(bool).sum()) for index in range(2, 7)]
    assert widths == [20 + 2 * round(offset) for offset in offsets]
    assert min(offsets) < 0 < max(offsets)
    assert not outcome.label[..., [0, 1, 7, 8]].any()  # slices without a contour stay empty


def test_series_has_unit_variance_and_the_correlation_named() -> None:
    series = np.array(SliceOffset(correlation=0.5)._series(20_000, np.random.default_rng(0)))
    # Standard errors are about 0.01.
    assert series.std() == pytest.approx(1, abs=0.04)
    assert np.corrcoef(series[:-1], series[1:])[0, 1] == pytest.approx(0.5, abs=0.04)
    assert np.corrcoef(series[:-2], series[2:])[0, 1] == pytest.approx(0.25, abs=0.04)
