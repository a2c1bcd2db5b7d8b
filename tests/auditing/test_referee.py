"""A referee learns from simulated errors what a change is worth, and lets none through that does harm."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from alcseg.auditing.examine import Proposed, examine
from alcseg.auditing.lessons import Lessons, learn
from alcseg.auditing.patches import find_patches
from alcseg.auditing.referee import Referee, Verdict
from alcseg.correction.decision import Opinion
from alcseg.records.audit_trail import Proposal

SPACING = (1.0, 1.0, 1.0)
ALL: tuple[Proposal, ...] = ("given", "patched", "moved", "posterior", "refined")


def organ(seed: int) -> np.ndarray:
    """An ellipsoid of two classes."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in (26, 24, 22)), indexing="ij"), axis=-1)
    middle, radii = rng.uniform((12, 11, 10), (14, 13, 12)), rng.uniform(6, 8, 3)
    inside = (((grid - middle) / radii) ** 2).sum(axis=-1) < 1
    return np.where(inside, np.where(grid[..., 0] < middle[0], 1, 2), 0).astype(np.uint8)


def seen(label: np.ndarray, *, moved: int = 0, blur: float = 1.0) -> Opinion:
    """Of a network that sees a label blurred, and as far off as it is told."""
    shifted = np.roll(label, moved, axis=1)
    masks = [ndimage.gaussian_filter((shifted == index).astype(np.float32), blur) for index in range(3)]
    probs = np.stack(masks) / np.sum(masks, axis=0)
    return Opinion(probs, probs.argmax(0).astype(np.uint8), label, SPACING, lambda probs: probs.argmax(0))


def taught(**how: float) -> Referee:
    return Referee(learn({f"case_{number}": seen(organ(number), **how) for number in range(4)}, 0.5, seed=0))


@pytest.fixture(scope="module")
def good() -> Referee:
    return taught()


def looked(referee: Referee, one: Opinion, given: np.ndarray) -> Proposed:
    patches = referee.lessons.keep("new", find_patches(one.probs, given, SPACING))
    return examine(one.probs, one.refined, given, SPACING, 0.5, patches)


def judged(referee: Referee, label: np.ndarray, given: np.ndarray, **how: float) -> Verdict:
    one = seen(label, **how)
    return referee.judge("new", looked(referee, one, given).rows)


def test_right_labels_stay_and_wrong_ones_are_mended(good: Referee) -> None:
    for number in range(10, 14):
        label = organ(number)
        one = seen(label)
        found = looked(good, one, label)
        assert "patched" not in found.changing(ALL)
        right = good.judge("new", found.rows)
        assert right.choose(0.15, found.changing(ALL)) == "given"
        assert np.mean(right.given_dice) > 0.9
        half = label.copy()
        half[:, :12] = 0
        wrong = judged(good, label, half)
        chosen = wrong.choose(0.15, ALL)
        assert chosen in ("patched", "posterior", "refined")
        assert np.mean(wrong.given_dice) < 0.85 < np.mean(wrong.dice(chosen))
        assert f"{wrong.risks[chosen]:.0%}" in wrong.in_words(chosen, ALL)


def test_a_network_that_is_wrong_itself_changes_nothing() -> None:
    blind = taught(moved=11)
    rehearsal = blind.rehearse(0.15, ALL)
    assert rehearsal.written_dice == pytest.approx(rehearsal.given_dice, abs=0.03)
    label = organ(10)
    assert judged(blind, label, label, moved=11).choose(0.15, ALL) == "given"


def test_a_rehearsal_tells_what_the_correction_is_worth(good: Referee) -> None:
    rehearsal = good.rehearse(0.15, ALL)
    assert (rehearsal.cases, rehearsal.errors) == (4, 36)
    assert rehearsal.written_dice > rehearsal.given_dice + 0.1
    assert rehearsal.worse_share <= 0.1
    assert rehearsal.right_written_dice > 0.99
    nothing = good.rehearse(0.15, ("given",))
    assert nothing.written_dice == nothing.given_dice
    assert nothing.worse_share == 0


def test_what_may_be_chosen_is_what_is_allowed_promises_and_is_sure_enough() -> None:
    verdict = Verdict(
        given_dice=(0.6, 0.8),
        gains={"patched": (0.2, 0.0), "moved": (0.3, 0.1), "posterior": (-0.1, 0.0), "refined": (0.1, 0.0)},
        spreads=dict.fromkeys(("patched", "moved", "posterior", "refined"), 0.05),
        risks={"patched": 0.1, "moved": 0.4, "posterior": 0.0, "refined": 0.0},
    )
    assert verdict.choose(0.15, ALL) == "patched"
    assert verdict.choose(0.4, ALL) == "moved"
    assert verdict.choose(0.05, ALL) == "given"  # refined promises 0.05, and may be 0.08 less
    assert verdict.choose(0.05, ("refined",)) == "given"
    assert verdict.choose(0.3, ("refined",)) == "refined"
    assert verdict.choose(0.15, ("moved",)) == "given"
    assert verdict.choose(1.0, ("posterior",)) == "given"
    assert verdict.dice("patched") == pytest.approx((0.8, 0.8))
    assert verdict.dice("moved") == pytest.approx((0.9, 0.9))
    assert verdict.in_words("given", ("moved",)) == (
        "the label stays (expected Dice 0.70): the best change, moved, promises +0.200 with a risk of 40%"
    )


def test_what_is_examined_is_as_large_as_the_case_and_says_the_same_with_more_room_around() -> None:
    one = seen(organ(3))
    given = np.roll(one.label, 2, axis=0)
    found = examine(one.probs, one.refined, given, SPACING, 0.5, ())
    assert {label.shape for label in found.labels.values()} == {given.shape}
    assert found.labels["given"].tolist() == given.tolist()
    around = ((20, 20), (20, 20), (20, 20))
    probs = np.stack(
        [np.pad(one.probs[index], around, constant_values=float(index == 0)) for index in range(3)]
    )
    wide = examine(probs, np.pad(one.refined, around), np.pad(given, around), SPACING, 0.5, ())
    assert np.allclose(wide.rows, found.rows, atol=0.05)
    assert np.array_equal(wide.labels["moved"][20:-20, 20:-20, 20:-20], found.labels["moved"])


def test_a_label_of_background_alone_can_be_examined() -> None:
    probs = np.zeros((3, 6, 6, 6), np.float32)
    probs[0] = 1
    nothing = np.zeros((6, 6, 6), np.uint8)
    found = examine(probs, nothing, nothing, SPACING, 0.5, ())
    assert np.isfinite(found.rows).all()
    assert not any(label.any() for label in found.labels.values())


def test_places_in_which_the_network_is_wrong_are_not_patched() -> None:
    # It sees a lump beside the organ in every case, and is right in everything else.
    def with_lump(label: np.ndarray) -> np.ndarray:
        lumped = label.copy()
        lumped[1:7, 1:7, 1:7] = 1
        return lumped

    opinions = {}
    for number in range(4):
        one = seen(with_lump(organ(number)))
        label = organ(number)
        opinions[f"case_{number}"] = Opinion(one.probs, one.refined, label, SPACING, one.to_source)
    referee = Referee(learn(opinions, 0.5, seed=0))
    truth = organ(10)
    given = truth.copy()
    given[:, :, 9:12] = 0
    one = seen(with_lump(truth))
    found = find_patches(one.probs, given, SPACING)
    lump = [patch for patch in found if patch.box[0].start < 5]
    kept = referee.lessons.keep("new", found)
    assert len(lump) == 1
    assert lump[0] not in kept
    assert kept


def unexplained(gain: float) -> Verdict:
    """Of a label that no simple error explains."""
    names = ("patched", "moved", "posterior", "refined")
    gains = dict.fromkeys(names, (0.0,)) | {"refined": (gain,)}
    return Verdict((0.4,), gains, dict.fromkeys(names, 0.05), dict.fromkeys(names, 0.0), explained=False)


def test_a_label_that_no_simple_error_explains_stays_and_a_person_is_asked() -> None:
    verdict = unexplained(gain=0.25)
    assert verdict.choose(0.05, ALL) == "given"
    assert "no simple error explains" in verdict.in_words("given", ALL)


def test_a_boundary_may_be_moved_though_nothing_explains_the_label() -> None:
    verdict = unexplained(gain=0.25)
    assert replace(verdict, gains={**verdict.gains, "moved": (0.2,)}).choose(0.05, ALL) == "moved"


def test_a_label_that_has_nothing_to_do_with_the_prediction_is_replaced(good: Referee) -> None:
    assert unexplained(gain=0.35).choose(0.05, ALL) == "refined"
    truth = organ(10)
    elsewhere = np.zeros_like(truth)
    elsewhere[1:5, 1:20, 1:4], elsewhere[20:25, 1:4, 2:20] = 1, 2
    verdict = good.judge("new", looked(good, seen(truth), elsewhere).rows)
    assert not verdict.explained
    assert verdict.choose(0.05, ALL) != "given"


@pytest.mark.parametrize(
    "error",
    [
        lambda label: np.roll(label, 3, axis=1),
        lambda label: np.flip(label, 0),
        lambda label: np.array([0, 2, 1], np.uint8)[label],
        lambda label: np.where(np.arange(label.shape[2]) % 3 == 0, 0, label).astype(np.uint8),
    ],
    ids=["moved", "mirrored", "renamed", "every third slice left out"],
)
def test_simple_errors_explain_a_label(good: Referee, error) -> None:
    truth = organ(10)
    assert good.judge("new", looked(good, seen(truth), error(truth)).rows).explained


def test_a_gain_has_to_outlast_what_differs_between_cases() -> None:
    scores = np.full((40, 1, 5), 0.6)
    scores[:, :, 4] = 0.7  # refined gains 0.1 in every draw
    cases = tuple(f"case_{number % 4}" for number in range(40))
    rows = np.random.default_rng(0).random((40, 1, 59)).astype(np.float32)
    lessons = Lessons(rows, scores, np.zeros(40, np.intp), cases)
    steady = Referee(lessons).judge("new", rows[0])
    assert steady.spreads["refined"] == pytest.approx(0.05 * np.sqrt(4 / 7 * 5 / 4))
    assert np.mean(steady.gains["refined"]) == pytest.approx(0.1)
    assert steady.choose(0.05, ("refined",)) == "refined"
    unsteady = scores.copy()
    unsteady[:, :, 4] += np.array([0.15, -0.09, 0.15, -0.09])[np.arange(40) % 4, None]
    wide = Referee(Lessons(rows, unsteady, np.zeros(40, np.intp), cases)).judge("new", rows[0])
    assert wide.spreads["refined"] > 2 * steady.spreads["refined"]
    assert wide.choose(0.05, ("refined",)) == "given"


def test_an_error_that_explains_nearly_all_is_enough(good: Referee) -> None:
    least, usual = good._least_explained, good._usual
    assert least < usual
    assert good._is_explained(least, given=least)
    assert not good._is_explained(least - 0.01, given=least - 0.01)
    assert good._is_explained(least - 0.01, given=-10.0)  # next to that the rest is nothing
