import numpy as np

from alcseg.noise.missing_slices import MissingSlices


def test_exactly_the_slices_named_are_empty(context) -> None:
    label = np.zeros((6, 14, 6), np.uint8)
    label[2:4, 2:12, 1:5] = 7  # ten slices, indices 2 to 11
    seen = set()
    for seed in range(8):
        outcome = MissingSlices()(label, context(40, seed=seed, spacing=(1.0, 2.5, 1.0)))
        details = outcome.details
        low, high, inside = (details[key] for key in ("slices_cut_low", "slices_cut_high", "slices_missing"))
        gone = [*range(2, 2 + low), *inside, *range(12 - high, 12)]
        assert details["axis"] == 1  # the thickest voxels
        assert len(set(gone)) == 4  # 40 % of ten
        expected = label.copy()
        expected[:, gone] = 0
        assert np.array_equal(outcome.label, expected)
        seen |= {name for name, count in (("low", low), ("high", high), ("inside", len(inside))) if count}
    assert seen == {"low", "high", "inside"}


def test_of_equally_thick_voxels_the_last_axis_counts(context) -> None:
    label = np.ones((4, 4, 4), np.uint8)
    assert MissingSlices()(label, context(50)).details["axis"] == 2
