"""One offset per case and class: found by soft Dice, undone by moving the boundary."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from alcseg.correction.offsets import measure_agreement, move_label, offset_steps
from alcseg.distances import signed_distance
from alcseg.errors import ConfigError

STEPS = offset_steps(4.0, 0.5)


def ball(radius: float, center: tuple[int, int, int] = (12, 12, 12), side: int = 25) -> np.ndarray:
    grid = np.indices((side, side, side))
    return sum((axis - middle) ** 2 for axis, middle in zip(grid, center, strict=True)) <= radius**2


def distances(*masks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.stack([signed_distance(mask, (1.0, 1.0, 1.0)) for mask in masks]))[None]


def one_hot(*masks: np.ndarray) -> torch.Tensor:
    foreground = np.stack(masks).astype(np.float32)
    return torch.from_numpy(np.concatenate([1 - foreground.sum(0, keepdims=True), foreground]))[None]


@pytest.mark.parametrize("drawn", [-3, -1, 0, 2, 3])
def test_a_ball_drawn_too_large_or_small_is_found_and_undone(drawn: int) -> None:
    truth, given = ball(7), ball(7 + drawn)
    found = measure_agreement(one_hot(truth), distances(given), STEPS).best()
    assert found.mm.item() == pytest.approx(-drawn, abs=0.5)
    moved = move_label(distances(given), found.mm)[0].numpy()
    both = 2 * np.sum((moved == 1) & truth) / (np.sum(moved == 1) + truth.sum())
    assert both > 0.93  # voxels are coarse for so small a ball


def test_sums_are_those_of_the_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(1, 3, 9, 9, 9, generator=generator).softmax(1)
    predicted = probs.argmax(1)[0]
    first = ball(3, (3, 4, 4), 9)
    second = ball(2, (7, 4, 4), 9) & ~first
    distance = distances(first, second)
    found = measure_agreement(probs, distance, STEPS)
    for index, step in enumerate(STEPS.tolist()):
        for kind in range(2):
            inside = distance[0, kind] <= step
            assert found.size[0, kind, index] == inside.sum()
            assert found.overlap[0, kind, index] == (predicted[inside] == kind + 1).sum()
    assert found.mass[0].tolist() == [(predicted == kind).sum() for kind in (1, 2)]


def test_sums_of_patches_add_up_to_those_of_the_volume() -> None:
    probs, distance = one_hot(ball(7)), distances(ball(9))
    whole = measure_agreement(probs, distance, STEPS)
    halves = [
        measure_agreement(p, d, STEPS) for p, d in zip(probs.split(13, 2), distance.split(13, 2), strict=True)
    ]
    together = halves[0].decayed_into(halves[1], 1.0)
    assert torch.equal(together.overlap, whole.overlap)
    assert torch.equal(together.size, whole.size)
    assert torch.equal(together.best().mm, whole.best().mm)


def test_a_weak_prediction_is_enough() -> None:
    # The prediction misses a quarter of the organ and is blurred, yet tells which way the label is off.
    truth = ball(8)
    seen = truth.copy()
    seen[:, :, :8] = False
    weak = ndimage.gaussian_filter(seen.astype(np.float32), 1.5)
    found = measure_agreement(one_hot(weak), distances(ball(10)), STEPS).best()
    assert found.mm.item() == pytest.approx(-2, abs=1)


def test_an_unsure_prediction_does_not_enlarge_the_label() -> None:
    # 0.4 everywhere near the organ: the Dice with probabilities would take all of it in.
    probs = one_hot(np.where(ball(11), 0.4, 0.0) + 0.6 * ball(7))
    found = measure_agreement(probs, distances(ball(9)), STEPS).best()
    assert found.mm.item() == pytest.approx(-2, abs=0.5)


def test_within_the_tolerance_the_label_is_left_alone() -> None:
    label = ball(6)
    found = measure_agreement(one_hot(ball(7)), distances(label), STEPS).best(tolerance_mm=1.5)
    assert found.mm.item() == 0
    assert np.array_equal(move_label(distances(label), found.mm)[0].numpy(), label)


def test_equal_offsets_keep_the_border_between_two_classes() -> None:
    organ = np.zeros((25, 25, 25), bool)
    organ[5:20, 8:17, 8:17] = True
    left = organ.copy()
    left[12:] = False
    distance = distances(left, organ & ~left)
    moved = move_label(distance, torch.tensor([[2.0, 2.0]]))[0].numpy()
    assert set(np.unique(moved[:12])) == {0, 1}
    assert set(np.unique(moved[12:])) == {0, 2}
    assert (moved > 0).sum() > organ.sum()


def test_a_class_that_the_label_lacks_stays_absent_and_is_not_trusted() -> None:
    distance = distances(ball(5), np.zeros((25, 25, 25), bool))
    found = measure_agreement(one_hot(ball(5), np.zeros((25, 25, 25))), distance, STEPS).best()
    assert found.mm[0, 1] == 0
    assert found.dice[0, 1] == 0
    assert found.present.tolist() == [[True, False]]
    assert not (move_label(distance, found.mm) == 2).any()


def test_steps_hold_zero_and_the_limits() -> None:
    assert offset_steps(1.0, 0.5).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert offset_steps(1.0, 1.0).tolist() == [-1.0, 0.0, 1.0]
    for step in (2.0, 0.0):
        with pytest.raises(ConfigError, match="at most the limit"):
            offset_steps(1.0, step)


def test_a_prediction_that_misses_half_of_the_organ_does_not_shrink_the_label_to_it() -> None:
    truth = ball(8)
    half = truth.copy()
    half[:, :, :12] = False
    found = measure_agreement(one_hot(half), distances(truth), STEPS).best(tolerance_mm=1.0)
    assert found.mm.item() == 0


def test_where_nothing_is_predicted_the_label_stays_and_is_not_trusted() -> None:
    found = measure_agreement(one_hot(np.zeros((25, 25, 25))), distances(ball(8)), STEPS).best()
    assert found.mm.item() == 0
    assert found.dice.item() == 0


def test_a_label_of_one_voxel_is_a_label() -> None:
    voxel = np.zeros((9, 9, 9), bool)
    voxel[4, 4, 4] = True
    found = measure_agreement(one_hot(voxel), distances(voxel), STEPS).best()
    assert (found.mm.item(), found.dice.item(), found.given.item()) == (0, 1, 1)
    assert found.present.item()


def test_of_equally_good_offsets_the_smallest_is_taken() -> None:
    # A face moved by 2 voxels: the centers beyond it lie at 0.5 and 1.5 mm, so 1.5 and 2 do the same.
    given, seen = np.zeros((2, 12, 6, 6), bool)
    given[:5], seen[:7] = True, True
    found = measure_agreement(one_hot(seen), distances(given), STEPS).best()
    assert (found.mm.item(), found.dice.item()) == (1.5, 1)
    assert found.given.item() == pytest.approx(2 * 5 / (5 + 7))


@pytest.mark.parametrize("step", [0.25, 0.5, 1.0])
def test_a_sharp_boundary_is_as_narrow_as_the_steps_can_tell(step: float) -> None:
    """Half a step is the narrowest that is tried."""
    ball_of_7 = ball(7)
    found = measure_agreement(one_hot(ball_of_7), distances(ball_of_7), offset_steps(4.0, step)).best()
    assert found.width_mm.item() == pytest.approx(step / 2)
