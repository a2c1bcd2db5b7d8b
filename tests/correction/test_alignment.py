"""The posterior of a prediction and a given label: the moved label, the prediction, or between."""

import math
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
import torch

from alcseg.correction.alignment import (
    GROSS_SHARE,
    TOLERANCE,
    CleanLabels,
    aligned_label,
    errs_by_offset,
    posterior,
    see_label,
    see_offsets,
    set_tolerance,
    shape_error,
)
from alcseg.correction.offsets import Offsets, move_label
from alcseg.distances import class_distances

SPACING = (1.0, 1.0, 1.0)


def ball(radius: float, center: tuple[float, float, float] = (12, 12, 12)) -> np.ndarray:
    grid = np.indices((25, 25, 25))
    return sum((axis - middle) ** 2 for axis, middle in zip(grid, center, strict=True)) <= radius**2


def blurred(mask: np.ndarray, width: float) -> np.ndarray:
    """What a network of this blur says of `mask`, `(2, X, Y, Z)`."""
    distance = torch.from_numpy(class_distances(mask.astype(np.uint8), 2, SPACING)[0])
    inside = torch.special.ndtr(-distance / width).numpy()
    return np.stack([1 - inside, inside]).astype(np.float32)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return 2 * float(np.sum(first & second)) / float(first.sum() + second.sum())


class Aligned(NamedTuple):
    moved: bool
    offsets: Offsets
    label: np.ndarray


def align(
    probs: np.ndarray, given: np.ndarray, reference: CleanLabels | None, tolerance: float = TOLERANCE
) -> Aligned:
    """What is done with a label, and the outcome."""
    label = given.astype(np.uint8)
    found, distance = see_label(probs, label, SPACING)
    moved = reference is None or bool(errs_by_offset(found, reference, tolerance))
    if moved or reference is None:
        return Aligned(moved, found, move_label(distance, found.mm)[0].numpy())
    shape = shape_error(found, reference.blur_mm, 1.0)
    weighed = posterior(torch.from_numpy(probs)[None], distance, found.mm, shape, GROSS_SHARE)
    return Aligned(moved, found, weighed[0].argmax(0).numpy())


def clean(agreement: float, blur_mm: float) -> CleanLabels:
    return CleanLabels(torch.tensor([agreement]), torch.tensor([blur_mm]))


@pytest.mark.parametrize("tolerance", [TOLERANCE, -math.inf])
@pytest.mark.parametrize("drawn", [-3, 3])
def test_a_label_of_right_shape_is_moved_not_replaced(drawn: int, tolerance: float) -> None:
    # The network misses a part of the organ; the label, drawn too large or small, has all of it.
    truth, given = ball(8), ball(8 + drawn)
    hole = ball(6, (12, 12, 19))
    probs = np.where(hole, np.array([0.7, 0.3], np.float32)[:, None, None, None], blurred(truth, 1.5))
    aligned = align(probs.astype(np.float32), given, clean(0.95, 1.5), tolerance)
    assert aligned.offsets.mm.item() == pytest.approx(-drawn, abs=1)
    assert dice(aligned.label == 1, truth) > dice(probs[1] > 0.5, truth) + 0.01


@pytest.mark.parametrize("reference", [None, clean(0.95, 1.0)])
def test_a_label_that_errs_by_its_offset_is_moved_and_nothing_else(reference: CleanLabels | None) -> None:
    truth, given = ball(8), ball(10)
    aligned = align(blurred(truth, 1.0), given, reference)
    assert aligned.moved
    distance = torch.from_numpy(class_distances(given.astype(np.uint8), 2, SPACING))[None]
    moved = move_label(distance, aligned.offsets.mm)[0]
    assert np.array_equal(aligned.label, moved.numpy())
    assert int(moved.sum()) < given.sum()


def test_a_label_that_tells_nothing_gives_way_to_the_prediction() -> None:
    truth, nonsense = ball(7, (7, 7, 12)), ball(7, (19, 19, 12))
    aligned = align(blurred(truth, 1.0), nonsense, clean(0.9, 1.0))
    assert not aligned.moved
    assert aligned.offsets.dice.item() < 0.3
    assert dice(aligned.label == 1, truth) > 0.9


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_the_width_of_a_clean_boundary_is_the_error_of_the_network(width: float) -> None:
    truth = ball(8)
    wrong = np.random.default_rng(0).random(truth.shape) < blurred(truth, width)[1]
    probs = np.stack([~wrong, wrong]).astype(np.float32)
    found, _ = see_label(probs, truth.astype(np.uint8), SPACING)
    assert found.mm.item() == 0
    assert found.width_mm.item() == pytest.approx(width, rel=0.2)


def test_the_posterior_is_a_product_of_two_opinions() -> None:
    # One voxel on the moved boundary: the label says 1/2, so the prediction decides as it stands.
    probs = torch.tensor([0.3, 0.7]).view(1, 2, 1, 1, 1)
    distance = torch.full((1, 1, 1, 1, 1), 2.0)
    on = posterior(probs, distance, torch.tensor([[2.0]]), torch.tensor([[1.5]]))
    assert on.flatten().tolist() == pytest.approx([0.3, 0.7])
    # One width outside, Phi(-1) = 0.1587, and 0.7 * 0.1587 / (0.7 * 0.1587 + 0.3 * 0.8413) = 0.3057.
    off = posterior(probs, distance, torch.tensor([[0.5]]), torch.tensor([[1.5]]))
    assert off[0, 1].item() == pytest.approx(0.3057, abs=1e-3)


def test_three_classes_sum_to_one_and_an_absent_class_stays_absent() -> None:
    generator = torch.Generator().manual_seed(0)
    probs = torch.rand(1, 3, 5, 5, 5, generator=generator).softmax(1)
    label = np.zeros((5, 5, 5), np.uint8)
    label[2:, 1:4] = 1
    distance = torch.from_numpy(class_distances(label, 3, SPACING))[None]
    q = posterior(probs, distance, torch.zeros(1, 2), torch.ones(1, 2))
    assert torch.allclose(q.sum(1), torch.ones(1, 5, 5, 5))
    assert float(q[:, 2].max()) == 0


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_label_that_tells_nothing_gives_no_class_an_advantage(classes: int) -> None:
    probs = torch.rand(1, classes, 4, 4, 4, generator=torch.Generator().manual_seed(0)).softmax(1)
    distance = torch.linspace(-9, 9, 64).reshape(1, 1, 4, 4, 4).expand(1, classes - 1, 4, 4, 4)
    q = posterior(
        probs, distance, torch.zeros(1, classes - 1), torch.full((1, classes - 1), 1e6), GROSS_SHARE
    )
    assert torch.allclose(q, probs, atol=1e-4)


def test_boundaries_speak_for_themselves_and_a_voxel_is_in_one_class_at_most() -> None:
    # Phi(1) = 0.8413 and Phi(-2) = 0.0228: inside of the first alone 0.8413 * 0.9772 = 0.8222, of the second
    # alone 0.1587 * 0.0228 = 0.0036, of neither 0.1587 * 0.9772 = 0.1551; they sum to 0.9809.
    distance = torch.tensor([-1.0, 2.0]).view(1, 2, 1, 1, 1)
    even = torch.full((1, 3, 1, 1, 1), 1 / 3)
    q = posterior(even, distance, torch.zeros(1, 2), torch.ones(1, 2))
    assert q.flatten().tolist() == pytest.approx([0.1581, 0.8382, 0.0037], abs=1e-4)
    # With g = 0.3 each of the three is said for no reason in a tenth of all voxels.
    q = posterior(even, distance, torch.zeros(1, 2), torch.ones(1, 2), 0.3)
    assert q.flatten().tolist() == pytest.approx([0.2107, 0.6867, 0.1026], abs=1e-4)


def test_one_foreground_class_is_weighed_by_its_boundary_and_a_tossed_coin() -> None:
    generator = torch.Generator().manual_seed(1)
    probs = torch.rand(2, 2, 5, 5, 5, generator=generator).softmax(1)
    distance = 3 * torch.randn(2, 1, 5, 5, 5, generator=generator)
    inside = 0.7 * torch.special.ndtr((0.5 - distance) / 1.5) + 0.15
    expected = probs * torch.cat([1 - inside, inside], 1)
    q = posterior(probs, distance, torch.full((2, 1), 0.5), torch.full((2, 1), 1.5), 0.3)
    assert torch.allclose(q, expected / expected.sum(1, keepdim=True), atol=1e-5)


def found(width: float = 1.0, dice: float = 0.8, present: bool = True) -> Offsets:
    values = (torch.tensor([[value]]) for value in (0.0, dice, dice, width))
    return Offsets(*values, torch.tensor([[present]]))


def test_a_missing_slice_is_filled_in_where_the_prediction_is_sure() -> None:
    truth = ball(8)
    given = truth.copy()
    given[:, :, 8:14] = False  # the middle of the organ: the agreement falls, and Phi there is nothing
    probs = blurred(truth, 0.5)
    aligned = align(probs, given, clean(0.95, 0.5))
    assert not aligned.moved
    assert dice(given, truth) < 0.8
    assert dice(aligned.label == 1, truth) > 0.95


def test_clean_labels_tell_what_agreement_to_expect() -> None:
    # 0.9 and 0.8 of the first class; the second is in one case only.
    values = torch.tensor([[0.9, 0.7], [0.8, 0.0]])
    seen = Offsets(values, values, values, 10 * values, torch.tensor([[True, True], [True, False]]))
    expected = CleanLabels.of(seen)
    assert expected.agreement.tolist() == pytest.approx([0.85, 0.7])
    assert expected.blur_mm.tolist() == pytest.approx([8.5, 7.0])


@pytest.mark.parametrize(
    ("dice", "present", "expected"), [(0.86, True, True), (0.84, True, False), (0.0, False, True)]
)
def test_a_label_that_agrees_like_a_clean_one_errs_by_its_offset(
    dice: float, present: bool, expected: bool
) -> None:
    # Clean ones agree by 0.9, and 0.05 below that is as good; a class that the label lacks is not asked.
    assert errs_by_offset(found(dice=dice, present=present), clean(0.9, 1.0)).item() is expected


def test_patches_of_a_case_are_treated_like_the_case() -> None:
    truth, given = ball(8), ball(10).astype(np.uint8)
    probs = blurred(truth, 1.0)
    distance = torch.from_numpy(class_distances(given, 2, SPACING))[None]
    for agreement, moved in ((0.9, True), (1.1, False)):
        case = align(probs, given, clean(agreement, 1.0))
        assert case.moved is moved
        patch = aligned_label(
            torch.from_numpy(probs)[None],
            distance,
            case.offsets,
            clean(agreement, 1.0),
            1.0,
            target="aligned",
        )
        assert np.array_equal(patch[0].numpy(), case.label)


def test_gross_errors_bound_what_a_label_can_say() -> None:
    # Far outside of the drawn boundary P(class) = g / 2 = 0.1, and 0.9 * 0.1 and 0.1 * 0.9 are equal.
    probs = torch.tensor([0.1, 0.9]).view(1, 2, 1, 1, 1)
    distance = torch.full((1, 1, 1, 1, 1), 50.0)
    q = posterior(probs, distance, torch.zeros(1, 1), torch.ones(1, 1), 0.2)
    assert q.flatten().tolist() == pytest.approx([0.5, 0.5])


def test_shape_error_is_what_the_blur_does_not_explain() -> None:
    assert shape_error(found(5.0), 3.0, 1.0).item() == 4  # sqrt(5^2 - 3^2)
    assert shape_error(found(2.0), 3.0, 1.0).item() == 0.5  # never below half a voxel
    assert shape_error(found(5.0, dice=0.2), 3.0, 1.0).item() > 1000  # tells nothing


def seen(agreement: list[float]) -> Offsets:
    """Of volumes that have the one class, unless their agreement is 0."""
    values = torch.tensor(agreement)[:, None]
    return Offsets(torch.zeros_like(values), values, values, torch.ones_like(values), values > 0)


def test_clean_labels_are_averaged_over_the_volumes_that_have_the_class() -> None:
    found = CleanLabels.of(Offsets.stack([seen([0.7]), seen([0.9]), seen([0.0])]))
    assert found.agreement.item() == pytest.approx(0.8)
    assert found.blur_mm.item() == 1


def test_the_median_of_a_set_decides_whether_its_labels_are_moved() -> None:
    reference = clean(0.9, 1.0)
    by_offsets = set_tolerance(seen([0.5, 0.84, 0.88, 0.9, 0.0]), reference)
    assert errs_by_offset(seen([0.82, 0.79]), reference, by_offsets).tolist() == [True, False]
    by_shape = set_tolerance(seen([0.5, 0.81, 0.86, 0.9, 0.0]), reference)
    assert not errs_by_offset(seen([0.89]), reference, by_shape).any()
    learnt = set_tolerance(seen([0.5, 0.81, 0.86, 0.9, 0.0]), reference, learnt=True)
    assert errs_by_offset(seen([0.71, 0.69]), reference, learnt).tolist() == [True, False]
    assert set_tolerance(seen([0.0]), reference) > 0  # nothing was drawn, so nothing speaks against it


@pytest.mark.parametrize(("voxels", "mm"), [(1, 0.0), (2, 3.0), (-2, -4.0), (-8, -14.0)])
def test_offsets_within_a_voxel_are_none_and_seven_are_the_most(voxels: int, mm: float) -> None:
    # Voxels of 2 mm: centers lie at 1, 3, 5, ... mm from a face. Steps are of half a voxel, up to 14 mm.
    given, seen = np.zeros((2, 40, 4, 4), bool)
    given[:20], seen[: 20 + voxels] = True, True
    probs = np.stack([~seen, seen]).astype(np.float32)
    assert see_label(probs, given.astype(np.uint8), (2.0, 3.0, 4.0))[0].mm.item() == mm


def test_offsets_of_many_classes_hold_the_distances_of_one() -> None:
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(26), 3).repeat(40 * 40).reshape(78, 40, 40).astype(np.uint8)
    probs = rng.random((26, *label.shape), dtype=np.float32)
    probs[(label, *np.indices(label.shape))] += 1
    one_class = 4 * label.size
    tracemalloc.start()
    found = see_offsets(probs, label, SPACING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15 * one_class  # of what numpy holds; the distances of all classes alone are 25
    expected, distance = see_label(probs, label, SPACING)
    assert distance.shape == (1, 25, *label.shape)
    for name in ("mm", "dice", "width_mm", "present"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=0, atol=0)
