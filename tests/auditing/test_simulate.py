"""Simulated errors: every kind occurs, does what its name says, and carries the truth."""

import numpy as np
import pytest

from alcseg.auditing.simulate import KINDS, draw_errors, kind_of_noise, simulate, surface_error
from alcseg.noise import NOISE_MODELS, OtherLabels

SPACING = (1.0, 1.0, 1.5)


@pytest.fixture(scope="module")
def label():
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (28, 26, 20)), indexing="ij"), axis=-1)
    organ = (((grid - (13, 12, 10)) / (9, 8, 6)) ** 2).sum(axis=-1) < 1
    return np.where(organ, np.where(grid[..., 0] < 13, 1, 2), 0).astype(np.uint8)


@pytest.fixture(scope="module")
def drawn(label):
    other = OtherLabels(("another",), lambda _: (np.roll(label, 3, axis=1), SPACING))
    return [simulate(label, 3, SPACING, np.random.default_rng(number), other) for number in range(160)]


def test_every_kind_is_drawn(drawn):
    assert {kind for one in drawn for kind in one.kinds} == set(KINDS)


def test_the_truth_is_what_can_be_measured(label, drawn):
    for one in drawn:
        assert one.label.shape == label.shape
        for index, (kind, score) in enumerate(zip(one.kinds, one.dice, strict=True), start=1):
            mask, truth = one.label == index, label == index
            expected = 2 * (mask & truth).sum() / (mask.sum() + truth.sum())
            assert score == pytest.approx(expected)
            assert (kind == "none") == (score > 0.97)
            assert one.surface_mm[index - 1] >= 0


def test_kinds_do_what_their_names_say(label, drawn):
    for one in drawn:
        for index, kind in enumerate(one.kinds, start=1):
            mask, truth = one.label == index, label == index
            if kind == "too_large":
                assert mask.sum() > truth.sum()
            if kind == "too_small":
                assert mask.sum() < truth.sum()
            if kind == "empty":
                assert not mask.any()
            if kind == "extra" and set(one.kinds) == {"extra"}:
                assert (one.label > 0).sum() > (label > 0).sum()
            if kind == "missing":
                assert not (mask & ~truth).any()


def test_every_noise_model_makes_a_kind_and_nothing_done_is_none():
    for name in set(NOISE_MODELS) - {"mixture"}:
        assert kind_of_noise(name, "erode") in KINDS
        assert kind_of_noise(name, "none") == "none"
    assert kind_of_noise("cube", "dilate") == "too_large"
    assert kind_of_noise("ball", "erode") == "too_small"
    assert kind_of_noise("markov_boundary", "erode") == "ragged"


def test_equal_draws_are_equal(label):
    first, second = (simulate(label, 3, SPACING, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(first.label, second.label)
    assert first.kinds == second.kinds


def test_another_seed_draws_other_errors(label):
    def spoiled(seed):
        drawn = draw_errors("a", ["a"], lambda _: (label, SPACING), 3, draws=8, seed=seed)
        return {one.label.tobytes() for one in drawn} - {label.tobytes()}

    assert spoiled(0) == spoiled(0) != set()
    assert spoiled(0).isdisjoint(spoiled(1))


def test_an_empty_label_cannot_be_spoiled():
    one = simulate(np.zeros((6, 6, 6), np.uint8), 2, SPACING, np.random.default_rng(0))
    assert one.kinds == ("none",)
    assert one.dice.tolist() == [1.0]


def test_a_surface_that_is_not_there_is_as_far_as_the_other_is_large():
    ball = np.zeros((9, 9, 9), bool)
    ball[2:6, 2:6, 2:6] = True
    # 64 voxels of 1.5 mm3: a ball of 96 mm3 has a diameter of (6 * 96 / pi) ** (1 / 3) = 5.68 mm.
    assert surface_error(ball, np.zeros_like(ball), SPACING) == pytest.approx(5.68, abs=0.01)
    assert surface_error(ball, ball, SPACING) == 0
