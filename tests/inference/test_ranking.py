import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alcseg.inference.calibration import VoxelReliability, calibrate
from alcseg.inference.ranking import (
    COLUMNS,
    ClassRecord,
    class_uncertainty,
    compare_labels,
    rank_cases,
    write_ranking,
)

NOTHING = calibrate([], VoxelReliability(), cases=())
FALLING = calibrate([("a", "x", 0.1, 0.9), ("b", "x", 0.5, 0.5)], VoxelReliability(), cases=("a", "b"))


def record(
    case_id: str, uncertainty: float, agreement: float | None = 0.5, removed: float = 0.0
) -> ClassRecord:
    return ClassRecord(case_id, "x", uncertainty, agreement, 1.0, removed, 0.0, in_sample=False)


def test_changes_are_counted_in_cubic_millimetres() -> None:
    given, refined = np.zeros((8, 8, 8), np.uint8), np.zeros((8, 8, 8), np.uint8)
    given[1:3, 1, 1] = 1
    refined[2:5, 1, 1] = 1
    (found,) = compare_labels(
        "a",
        given,
        refined,
        refined,
        np.ones(given.shape),
        spacing=(1, 1, 2.5),
        classes={"x": 1},
        in_sample=True,
    )
    # Voxels 3 and 4 come, voxel 1 goes, voxel 2 stays; a voxel has 2.5 mm^3. Dice 2 * 1 / (2 + 3).
    assert (found.added_mm3, found.removed_mm3, found.changed_mm3) == (5.0, 2.5, 7.5)
    assert found.agreement == pytest.approx(0.4)
    assert found.uncertainty == pytest.approx(1.0)


def test_uncertainty_far_from_the_class_does_not_count() -> None:
    mask = np.zeros((20, 9, 9), bool)
    mask[4, 4, 4] = True
    doubt = np.zeros(mask.shape)
    doubt[8:] = 100.0
    assert class_uncertainty(doubt, mask) == 0
    doubt[7] = 1.0
    assert class_uncertainty(doubt, mask) > 0
    assert np.isnan(class_uncertainty(doubt, np.zeros_like(mask)))


def test_the_case_with_the_largest_expected_error_comes_first() -> None:
    rows = rank_cases([record("sure", 0.1), record("unsure", 0.5), record("middle", 0.3)], FALLING)
    assert [(row["rank"], row["case_id"]) for row in rows] == [
        ("1", "unsure"),
        ("2", "middle"),
        ("3", "sure"),
    ]
    assert [float(row["score"]) for row in rows] == pytest.approx([0.5, 0.3, 0.1])


def test_a_lost_class_scores_one_and_an_absent_one_zero() -> None:
    rows = rank_cases([record("lost", np.nan, 0.0, removed=9.0), record("absent", np.nan, np.nan)], FALLING)
    assert [(row["case_id"], float(row["score"])) for row in rows] == [("lost", 1), ("absent", 0)]
    assert rows[1]["uncertainty"] == rows[1]["agreement"] == ""


def test_a_case_that_nobody_could_decide_comes_first() -> None:
    undecided = replace(record("b", 0.1), undecided=True)
    rows = rank_cases([record("a", 0.5), undecided], FALLING)
    assert [(row["case_id"], row["score"]) for row in rows] == [("b", "1.0000"), ("a", "0.5000")]
    assert rows[0]["reason"] == "the given label, which was kept, has nothing to do with the prediction"


def test_without_calibration_uncertainty_and_disagreement_order_the_cases() -> None:
    rows = rank_cases([record("a", 0.1, 0.9), record("b", 0.2, 0.2), record("c", 0.1, 0.5)], NOTHING)
    assert [row["case_id"] for row in rows] == ["b", "c", "a"]
    assert all("not calibrated" in row["reason"] for row in rows)


def test_the_file_has_exactly_the_columns(tmp_path: Path) -> None:
    write_ranking(tmp_path / "ranking.csv", rank_cases([record("a", 0.1)], NOTHING))
    with (tmp_path / "ranking.csv").open(newline="") as stream:
        assert tuple(next(csv.reader(stream))) == COLUMNS
    assert rank_cases([], NOTHING) == []
