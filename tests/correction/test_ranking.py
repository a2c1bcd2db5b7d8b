"""Two rankings: how wrong given labels seem, and how wrong written ones may still be."""

from dataclasses import replace

import numpy as np
import pytest

from alcseg.correction.calibration import HeldOutClass, calibrate
from alcseg.correction.ranking import ClassChange, rank_cases

NOTHING = calibrate([], cases=())
FALLING = calibrate([HeldOutClass("x", 0.1, 0.9), HeldOutClass("x", 0.5, 0.5)], cases=("a", "b"))


def change(
    case_id: str, uncertainty: float = 0.1, agreement: float | None = 0.5, removed: float = 0.0
) -> ClassChange:
    return ClassChange(case_id, "x", uncertainty, agreement, 1.0, removed, 0.0, in_sample=False)


def judged(case_id: str, given: float, written: float, name: str = "x") -> ClassChange:
    return replace(change(case_id), class_name=name, given_dice=given, written_dice=written)


def test_given_and_written_labels_are_ranked_apart() -> None:
    rows = rank_cases(
        [judged("mended", 0.2, 0.9), judged("right", 0.95, 0.95), judged("open", 0.6, 0.6)], FALLING
    )
    assert [(row.case_id, row.rank, row.written_rank) for row in rows] == [
        ("mended", 1, 2), ("open", 2, 1), ("right", 3, 3),
    ]  # fmt: skip
    assert [row.given_error for row in rows] == pytest.approx([0.8, 0.4, 0.05])
    assert [row.written_error for row in rows] == pytest.approx([0.1, 0.4, 0.05])
    assert rows[0].reason == "expected Dice 0.20 given, 0.90 written, by errors simulated on trusted labels"


def test_a_case_is_as_wrong_as_its_classes_are_on_average() -> None:
    rows = rank_cases(
        [
            judged("a", 0.9, 0.9, "y"),
            judged("b", 0.5, 0.5),
            judged("a", 0.0, 0.9),
            judged("b", 0.5, 0.5, "y"),
        ],
        FALLING,
    )
    assert [(row.rank, row.case_id, row.class_name) for row in rows] == [
        (1, "a", "y"), (1, "a", "x"), (2, "b", "x"), (2, "b", "y"),
    ]  # fmt: skip


def test_a_row_says_how_much_changed() -> None:
    (row,) = rank_cases([replace(change("a", 0.1, 0.75, removed=2.5), shift_mm=-1.5)], FALLING)
    assert (row.added_mm3, row.removed_mm3, row.changed_mm3) == (1.0, 2.5, 3.5)
    assert (row.class_name, row.uncertainty, row.agreement, row.shift_mm) == ("x", 0.1, 0.75, -1.5)
    assert not row.in_sample


def test_where_nobody_can_tell_disagreement_ranks_given_labels_and_uncertainty_written_ones() -> None:
    rows = rank_cases([change("sure", 0.1, 0.4), change("unsure", 0.5, 0.8)], FALLING)
    assert [(row.case_id, row.rank, row.written_rank) for row in rows] == [("sure", 1, 2), ("unsure", 2, 1)]
    assert [row.given_error for row in rows] == pytest.approx([0.6, 0.2])
    assert [row.written_error for row in rows] == pytest.approx([0.1, 0.5])
    assert rows[1].reason == (
        "given label by its disagreement with the refined one; "
        "expected Dice 0.50 written, from its uncertainty"
    )


def test_without_a_curve_uncertainty_only_orders() -> None:
    rows = rank_cases([change("a", 0.1, 0.9), change("b", 0.2, 0.2), change("c", 0.3, 0.5)], NOTHING)
    assert [(row.case_id, row.written_rank) for row in rows] == [("b", 2), ("c", 1), ("a", 3)]
    assert [row.written_error for row in rows] == pytest.approx([2 / 3, 1, 1 / 3])
    assert all("not calibrated" in row.reason for row in rows)


def test_what_was_not_changed_is_as_wrong_as_it_was_given() -> None:
    kept = replace(change("a", 0.5, 0.7), added_mm3=0.0)
    (row,) = rank_cases([kept], FALLING)
    assert row.written_error == row.given_error == pytest.approx(0.3)
    assert "nothing was changed" in row.reason


def test_a_class_that_nothing_agrees_on_is_wrong_and_one_that_is_nowhere_is_not() -> None:
    lost, absent = (
        change("lost", np.nan, 0.0, removed=9.0),
        replace(change("absent", np.nan, np.nan), added_mm3=0.0),
    )
    rows = rank_cases([absent, lost], FALLING)
    assert [(row.case_id, row.given_error) for row in rows] == [("lost", 1), ("absent", 0)]
    assert rows[1].agreement is None


@pytest.mark.parametrize("calibration", [FALLING, NOTHING])
def test_a_class_that_was_drawn_and_lost_is_the_first_to_look_at(calibration) -> None:
    lost = change("lost", np.nan, 0.0, removed=9.0)
    rows = rank_cases([change("unsure", 0.5, 0.4), lost, change("sure", 0.1, 0.9)], calibration)
    assert min(rows, key=lambda row: row.written_rank).case_id == "lost"
    assert "the refined label lost the class" in rows[0].reason


def test_pseudo_labels_stand_where_what_was_written_puts_them() -> None:
    rows = rank_cases([judged("right", 0.95, 0.95), change("pseudo", 0.5, agreement=None)], FALLING)
    assert [(row.case_id, row.rank, row.written_rank) for row in rows] == [("pseudo", 1, 1), ("right", 2, 2)]
    assert np.isnan(rows[0].given_error)
    assert rows[0].written_error == pytest.approx(0.5)
    assert rows[0].reason.startswith("pseudo label, no label was given; ")


def test_a_case_that_was_learned_from_says_so() -> None:
    for one in (judged("a", 0.9, 0.9), change("a", agreement=None), change("a")):
        assert rank_cases([replace(one, in_sample=True)], FALLING)[0].reason.endswith("; seen in training")


def test_equal_errors_are_ordered_by_name_and_nothing_is_ranked_of_nothing() -> None:
    rows = rank_cases([judged("b", 0.9, 0.9), judged("a", 0.9, 0.9)], NOTHING)
    assert [row.case_id for row in rows] == ["a", "b"]
    assert rank_cases([], NOTHING) == ()
