import numpy as np
import pytest

from alcseg.noise.shift_rotate import ShiftRotate


class Scripted:
    """A generator that shifts along the first axis, turns about the third, and draws `share` of the angle."""

    def __init__(self, share: float) -> None:
        self.share = share

    def standard_normal(self, shape: tuple[int, int]) -> np.ndarray:
        return np.array([[2.0, 0.0, 0.0], [0.0, 0.0, 3.0]])

    def random(self) -> float:
        return self.share


def bar() -> np.ndarray:
    label = np.zeros((31, 31, 7), np.uint8)
    label[10:17, 15, 3] = 1  # centroid (13, 15, 3), mean square distance (9 + 4 + 1) * 2 / 7 = 4 voxels
    label[10, 15, 3] = 6
    return label


@pytest.mark.parametrize("step", [0.5, 2.0])
def test_without_rotation_everything_moves_by_whole_voxels(context, step: float) -> None:
    outcome = ShiftRotate()(bar(), context(4.0, unit="mm", spacing=(step, 1.0, 1.0), rng=Scripted(0.0)))
    assert np.array_equal(outcome.label, np.roll(bar(), round(4 / step), axis=0))
    assert outcome.details["shift_mm"] == [4.0, 0.0, 0.0]
    assert outcome.details["rotation_degrees"] == 0


def test_what_leaves_the_volume_is_lost(context) -> None:
    outcome = ShiftRotate()(bar(), context(18.0, unit="mm", rng=Scripted(0.0)))
    # From 10..16 to 28..34, of which 28, 29 and 30 lie within the volume.
    assert np.flatnonzero(outcome.label.any(axis=(1, 2))).tolist() == [28, 29, 30]
    assert outcome.label[28, 15, 3] == 6


def test_angle_is_the_arc_at_the_mean_distance_but_at_most_20_degrees(context) -> None:
    small = ShiftRotate()(bar(), context(0.5, unit="mm", rng=Scripted(0.8)))
    # 0.8 of 0.5 mm at a radius of sqrt(4) = 2 mm: 0.2 rad.
    assert small.details["rotation_degrees"] == pytest.approx(np.degrees(0.2))
    large = ShiftRotate()(bar(), context(3.0, unit="mm", rng=Scripted(1.0)))
    assert large.details["rotation_degrees"] == 20.0
    # Shifted by 3 to a center of 16; the ends at 3 voxels turn by 20 degrees: sideways by 3 sin 20 = 1.03.
    assert large.label[13, 14, 3] == 6
    assert large.label[19, 16, 3] == 1
    assert large.label[16, 15, 3] == 1
