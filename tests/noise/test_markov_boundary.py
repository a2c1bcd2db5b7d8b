import numpy as np
import pytest

from alcseg.noise.markov_boundary import MarkovBoundary, _flip_chance


def test_each_neighbor_across_a_face_flips_by_its_own_chance() -> None:
    source = np.zeros((3, 3, 3), bool)
    source[0, 1, 1] = source[2, 1, 1] = source[1, 1, 0] = True
    chance = _flip_chance(source, [0.1, 0.2, 0.05])
    # The center has two neighbors along the first axis and one along the third: 1 - 0.9 * 0.9 * 0.95.
    assert chance[1, 1, 1] == pytest.approx(1 - 0.9**2 * 0.95)
    # The corner of the first layer touches nothing; beside (0, 1, 1) one face along the second axis counts.
    assert chance[0, 0, 0] == 0
    assert chance[0, 0, 1] == pytest.approx(0.2)


def test_with_certain_flips_every_step_is_one_layer(context) -> None:
    label = np.zeros((15, 15, 15), np.uint8)
    label[7, 7, 7] = 2
    model = MarkovBoundary(preference=1.0, flip_rate=1.0)
    outcome = model(label, context(4.0, unit="mm"))
    # Four steps across faces make an octahedron of 4 voxels; the smoothing takes its six tips off.
    x, y, z = np.abs(np.indices(label.shape) - 7)
    expected = x + y + z <= 4
    assert outcome.details == {"steps": 4, "steps_grown": 4, "preference": 1.0, "flip_rate": 1.0}
    assert outcome.label[7, 7, 4:11].all()
    assert not outcome.label[~expected].any()
    assert set(np.unique(outcome.label)) == {0, 2}


@pytest.mark.parametrize(("operation", "share"), [("dilate", 0.8), ("erode", 0.2)])
def test_share_of_growing_steps_is_the_preference(context, operation: str, share: float) -> None:
    label = np.zeros((6, 6, 6), np.uint8)
    label[2:4, 2:4, 2:4] = 1
    details = MarkovBoundary()(label, context(20.0, unit="mm", operation=operation)).details
    assert details["steps"] == 200  # 20 mm / (0.1 * 1 mm)
    assert details["steps_grown"] / 200 == pytest.approx(share, abs=0.085)  # three standard errors
    assert details["preference"] == pytest.approx(share)
