"""`metrics.csv` as a table, also where it is damaged."""

import pytest

from alcseg.errors import DataError
from alcseg.records.steps import Step, StepTable

HEAD = b"step,loss,lr,hq,val_dice,val_dice_teacher,time_s\n"


def test_a_table_is_read_as_it_was_written(tmp_path):
    steps = (Step(step=1, loss=0.5, lr=0.1, terms={"hq": 0.5}, val_dice=0.25, time_s=2.0),)
    table = StepTable(terms=("hq",), steps=steps)
    table.write_file(tmp_path / "metrics.csv")
    read = StepTable.read_file(tmp_path / "metrics.csv")
    assert read.columns == table.columns
    assert read.steps[0].model_dump(exclude={"val_dice_teacher"}) == steps[0].model_dump(
        exclude={"val_dice_teacher"}
    )


def test_a_last_line_that_was_cut_off_does_not_count(tmp_path):
    (tmp_path / "metrics.csv").write_bytes(HEAD + b"1,0.5,0.1,0.5,,,2.0\n2,0.4,0.1")
    assert [step.step for step in StepTable.read_file(tmp_path / "metrics.csv").steps] == [1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "found no file"),
        (b"\xff\xfea", "expected UTF-8 text"),
        (HEAD + b"1," + b"9" * 200_000, "field larger than"),
        (HEAD + b"1,0.5,0.1,0.5,,,2.0,extra\n", "line 2: expected 7 cells, found 8"),
        (HEAD + b"1,half,0.1,0.5,,,2.0\n", "line 2: expected numbers"),
        (b"a,b\n", "expected the columns step"),
    ],
)
def test_what_is_no_such_table_is_a_line(tmp_path, content, words):
    if content is not None:
        (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        StepTable.read_file(tmp_path / "metrics.csv")
