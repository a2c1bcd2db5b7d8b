"""The judge on made-up evidence whose relation to the truth is known."""

import numpy as np
import pytest

from alcseg.auditing.foretold import foretold
from alcseg.auditing.judge import Judge, averaged, believed
from alcseg.auditing.simulate import Simulated

NAMES = ("soft_minimum", "union", "band", "noise")


def table(dice, rng, noise=0.02):
    """Evidence of one class that follows the Dice but for some noise."""
    rows = np.stack([np.asarray(dice)] * 3, axis=1) + rng.normal(0, noise, (len(dice), 3))
    return np.concatenate([rows, rng.random((len(dice), 1))], axis=1)[:, None, :]


def fitted(rng, cases=40, draws=6, folds=3):
    names = [f"case_{number % cases}" for number in range(cases * draws)]
    dice = rng.uniform(0.2, 1.0, len(names))
    truth = [
        Simulated(
            np.zeros(1, int), ("none" if d > 0.97 else "missing",), np.array([d]), np.array([5 * (1 - d)])
        )
        for d in dice
    ]
    fold_of = [int(name.split("_")[1]) % folds for name in names]
    return Judge(table(dice, rng), truth, names, fold_of, num_folds=3)


@pytest.fixture(scope="module")
def judge():
    return fitted(np.random.default_rng(0))


def test_dice_and_surface_error_are_told_with_an_interval_that_holds(judge):
    rng = np.random.default_rng(1)
    dice = rng.uniform(0.25, 0.95, 60)
    found = judge.judge(table(dice, rng), [f"new_{number}" for number in range(60)], [0] * 60)
    judged = np.array([one.dice for (one,) in found])
    assert np.abs(judged - dice).mean() < 0.03
    assert np.abs([one.surface_mm - 5 * (1 - d) for (one,), d in zip(found, dice, strict=True)]).mean() < 0.2
    held = [one.low <= d <= one.high for (one,), d in zip(found, dice, strict=True)]
    assert np.mean(held) > 0.8
    assert all(one.low <= one.dice <= one.high for (one,) in found)


def test_kinds_are_probabilities_and_the_likeliest_is_named(judge):
    rng = np.random.default_rng(2)
    ((bad,), (good,)) = judge.judge(table([0.4, 1.0], rng), ["x", "y"], [0, 1])
    assert bad.kind == "missing"
    assert good.kinds["none"] > bad.kinds.get("none", 0.0)
    assert sum(bad.kinds.values()) == pytest.approx(1)


def test_a_label_is_judged_by_trees_that_its_own_errors_did_not_teach():
    rng = np.random.default_rng(3)
    judge = fitted(rng)
    evidence = table([0.5], rng)
    own = judge.judge(evidence, ["case_7"], [1])[0][0].dice
    rows = judge._rows(evidence, [1])
    assert own == judge.scores.ask(rows, ["case_7"])[0, 0]
    new = judge.judge(evidence, ["unseen"], [1])[0][0].dice
    assert new == judge.scores.ask(rows, ["unseen"])[0, 0] != own


def test_believed_is_the_better_half_of_each_scale():
    rng = np.random.default_rng(4)
    dice = np.concatenate([np.full(10, 0.9), np.full(10, 0.3)])
    folds = [number % 2 for number in range(20)]
    evidence = table(dice, rng)
    evidence[np.array(folds) == 1] *= 0.5  # the other network's scores are all lower
    assert set(believed(evidence, folds, NAMES)) == set(range(10))


def test_labels_of_tiny_folds_are_ranked_together():
    rng = np.random.default_rng(6)
    evidence = table([0.3] * 5 + [0.9] * 5, rng)
    assert set(believed(evidence, range(10), NAMES)) == set(range(5, 10))


def test_a_fold_without_any_believed_label_is_judged():
    judge = fitted(np.random.default_rng(7), folds=2)
    ((found,),) = judge.judge(table([0.5], np.random.default_rng(8)), ["new"], [2])
    assert 0.3 < found.dice < 0.7


def test_errors_of_one_case_tell_nothing_of_what_the_judge_is_worth():
    judge = fitted(np.random.default_rng(9), cases=1, draws=40)
    assert foretold(judge.judged, judge.true) == ()
    ((found,),) = judge.judge(table([0.5], np.random.default_rng(10)), ["new"], [0])
    assert found.low < 0.3 < 0.9 < found.high  # of all errors


def test_judgments_of_several_judges_are_averaged(judge):
    rng = np.random.default_rng(5)
    names = ["x", "y"]
    one, two = (
        dict(zip(names, judge.judge(table([dice, 0.9], rng), names, [0, 1]), strict=True))
        for dice in (0.4, 0.8)
    )
    found = averaged([one, two])
    assert found["x"][0].dice == pytest.approx((one["x"][0].dice + two["x"][0].dice) / 2)
    assert found["x"][0].low <= found["x"][0].dice <= found["x"][0].high
    assert sum(found["x"][0].kinds.values()) == pytest.approx(1)
    del two["x"]
    assert averaged([one, two])["x"][0].dice == one["x"][0].dice
