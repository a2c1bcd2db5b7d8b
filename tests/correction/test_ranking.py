from dataclasses import replace

import numpy as np
import pytest

from alcseg.correction.calibration import HeldOutClass, VoxelReliability, calibrate
from alcseg.correction.ranking import ClassChange, rank_cases

NOTHING = calibrate([], VoxelReliability(), cases=())
FALLING = calibrate(
    [HeldOutClass("x", 0.1, 0.9), HeldOutClass("x", 0.5, 0.5)], VoxelReliability(), cases=("a", "b")
)


def change(
    case_id: str, uncertainty: float, agreement: float | None = 0.5, removed: float = 0.0
) -> ClassChange:
    return ClassChange(case_id, "x", uncertainty, agreement, 1.0, removed, 0.0, in_sample=False)


def test_the_case_with_the_largest_expected_error_comes_first() -> None:
    rows = rank_cases([change("sure", 0.1), change("unsure", 0.5), change("middle", 0.3)], FALLING)
    assert [(row.rank, row.case_id) for row in rows] == [(1, "unsure"), (2, "middle"), (3, "sure")]
    assert [row.score for row in rows] == pytest.approx([0.5, 0.3, 0.1])
    assert rows[0].reason == "expected Dice 0.50 from uncertainty"


def test_a_row_says_how_much_changed() -> None:
    (row,) = rank_cases([replace(change("a", 0.1, 0.75, removed=2.5), shift_mm=-1.5)], FALLING)
    assert (row.added_mm3, row.removed_mm3, row.changed_mm3) == (1.0, 2.5, 3.5)
    assert (row.class_name, row.uncertainty, row.agreement, row.shift_mm) == ("x", 0.1, 0.75, -1.5)
    assert not row.in_sample


def test_the_worst_class_decides_for_the_case_and_all_its_rows_stand_together() -> None:
    other = replace(change("a", 0.2), class_name="y")
    rows = rank_cases([other, change("b", 0.3), change("a", 0.5)], FALLING)
    assert [(row.rank, row.case_id, row.class_name) for row in rows] == [
        (1, "a", "y"),
        (1, "a", "x"),
        (2, "b", "x"),
    ]


def test_equal_scores_are_told_apart_by_uncertainty_disagreement_and_name() -> None:
    # Below the first knot and beyond the last one the curve is flat.
    found = [change("d", 0.6), change("c", 0.6), change("b", 0.6, 0.4), change("a", 0.7, 0.9)]
    assert [row.case_id for row in rank_cases(found, FALLING)] == ["a", "b", "c", "d"]


def test_a_lost_class_scores_one_and_an_absent_one_zero() -> None:
    rows = rank_cases(
        [
            change("lost", np.nan, 0.0, removed=9.0),
            change("absent", np.nan, np.nan),
            change("refused", np.nan, 0.0),
        ],
        FALLING,
    )
    assert [(row.case_id, row.score) for row in rows] == [("lost", 1), ("refused", 1), ("absent", 0)]
    assert rows[0].reason == "the refined label has lost this class"
    assert np.isnan(rows[2].uncertainty)
    assert rows[2].agreement is None
    assert rows[2].reason == "empty in the given and the refined label"


def test_a_class_that_vanished_scores_one_though_nobody_measured_its_agreement() -> None:
    assert rank_cases([change("a", np.nan, np.nan, removed=0.5)], FALLING)[0].score == 1


def test_a_case_that_nobody_could_decide_comes_first() -> None:
    undecided = replace(change("b", 0.1), undecided=True)
    rows = rank_cases([change("a", 0.5), undecided], FALLING)
    assert [(row.case_id, row.score) for row in rows] == [("b", 1.0), ("a", 0.5)]
    assert rows[0].reason == "the given label, which was kept, has nothing to do with the prediction"


def test_what_flatters_a_score_is_said() -> None:
    (row,) = rank_cases([replace(change("a", 0.1, agreement=None), in_sample=True)], FALLING)
    assert row.in_sample
    assert row.agreement is None
    assert row.reason == (
        "pseudo label, no label was given; expected Dice 0.90 from uncertainty; "
        "seen in training, so uncertainty may be too low"
    )


def test_without_calibration_uncertainty_and_disagreement_order_the_cases() -> None:
    rows = rank_cases([change("a", 0.1, 0.9), change("b", 0.2, 0.2), change("c", 0.1, 0.5)], NOTHING)
    assert [row.case_id for row in rows] == ["b", "c", "a"]
    # Ranks of uncertainty 3, 1.5, 1.5 and of disagreement 3, 2, 1, of three.
    assert [row.score for row in rows] == pytest.approx([1, (0.5 + 2 / 3) / 2, (0.5 + 1 / 3) / 2])
    assert all("not calibrated" in row.reason for row in rows)


def test_without_calibration_a_pseudo_label_is_scored_by_uncertainty_alone() -> None:
    rows = rank_cases([change("a", 0.1, 0.5), change("b", 0.2, agreement=None)], NOTHING)
    # Uncertainty ranks 1 and 2 of two; disagreement 0.5 and, where there is none, 0.
    assert {row.case_id: row.score for row in rows} == pytest.approx({"a": 0.75, "b": 1.0})


def test_nothing_to_rank_is_an_empty_table() -> None:
    assert rank_cases([], NOTHING) == ()
