"""An evaluation read from disk: means that leave out what has no number, and what is cut off refused."""

import math
from pathlib import Path

import pytest

from alcseg.errors import DataError
from alcseg.evaluation import Evaluation
from alcseg.records.scores import ScoreRow
from alcseg.records.summary import EvaluationSummary

NAN = math.nan
DICE = {("a", "left"): 0.5, ("a", "right"): 1.0, ("b", "left"): 0.25, ("b", "right"): NAN}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases of two classes; neither label map of `b` has the class `right`."""
    rows = [
        ScoreRow(
            case_id=case,
            class_name=name,
            metric=metric,
            value=value * factor,
            unit=unit,
            status="both_empty" if math.isnan(value) else "ok",
        )
        for (case, name), value in DICE.items()
        for metric, factor, unit in (("dice", 1, "fraction"), ("hd95", 10, "mm"))
    ]
    ScoreRow.write(tmp_path, rows)
    EvaluationSummary(
        protocol="mm",
        pred="pred",
        truth="truth",
        classes={"left": 1, "right": 2},
        n_cases=2,
        units={"dice": "fraction", "hd95": "mm"},
        foreground_mean={},
        per_class={},
    ).write(tmp_path)
    return tmp_path


def test_classes_that_neither_label_map_holds_do_not_count(folder: Path) -> None:
    found = Evaluation.open(str(folder))
    assert found.values["dice"] == {"a": {"left": 0.5, "right": 1.0}, "b": {"left": 0.25}}
    assert found.by_case("dice") == {"a": 0.75, "b": 0.25}
    assert found.mean("dice") == 0.5
    assert found.mean("dice", "right") == 1.0
    assert found.mean("hd95", "left") == 3.75
    assert found.spread("dice") == pytest.approx(0.5 / math.sqrt(2))  # deviations of 0.25, n - 1 = 1
    assert math.isnan(found.mean("dice", "tail"))
    assert found.units == {"dice": "fraction", "hd95": "mm"}


def test_an_open_evaluation_is_a_path_and_not_read_again(folder: Path) -> None:
    found = Evaluation.open(folder)
    assert Path(found) == folder
    assert Evaluation.open(found) is found


def test_scores_that_were_cut_off_are_refused(folder: Path) -> None:
    path = ScoreRow.path(folder)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(DataError, match=r"per_case\.csv: expected 8 scores of 2 cases, found 7"):
        Evaluation.open(folder)
