"""Documents and tables of any kind: written and read back, older ones filled in, damaged ones refused."""

import json
from math import inf, isnan, nan
from typing import Annotated, ClassVar

import pytest
from pydantic import ValidationError

from alcseg.errors import DataError
from alcseg.records.base import Decimals, Document, Record, Row, Significant


class Part(Record):
    size: float


class Note(Document):
    NAME = "note.json"
    MADE_BY = "the test"
    FORMAT: ClassVar[int] = 2

    title: str
    parts: tuple[Part, ...] = ()
    score: float | None = None


class Line(Row):
    NAME = "lines.csv"
    MADE_BY = "the test"

    case_id: str
    class_name: str
    score: Annotated[float, Decimals(2)]
    exact: float
    short: Annotated[float, Significant(3)]
    seen: bool
    count: int | None = None


def line(**changes):
    values = {"case_id": "a", "class_name": "x", "score": 0.125, "exact": 0.1, "short": 1234.5, "seen": True}
    return Line(**values | changes)


def test_a_document_is_read_as_it_was_written(tmp_path):
    note = Note(title="one", parts=(Part(size=1.5),), score=nan)
    path = note.write(tmp_path)
    assert json.loads(path.read_text()) == {
        "format": 2, "title": "one", "parts": [{"size": 1.5}], "score": None,
    }  # fmt: skip
    assert Note.read(tmp_path) == Note(title="one", parts=(Part(size=1.5),))


def test_a_record_does_not_change():
    with pytest.raises(ValidationError):
        Note(title="one").title = "two"


def test_older_documents_are_filled_in_and_unknown_keys_left_alone(tmp_path):
    (tmp_path / "note.json").write_text('{"title": "old", "color": "red"}')
    assert Note.read(tmp_path) == Note(title="old")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"format": 3, "title": "new"}', "format 2 of note.json or an older one, found 3"),
        ('{"format": 2}', "no 'title'"),
        ('{"title": "one", "parts": [{"size": "wide"}]}', "'wide' for 'parts.0.size'"),
        ("[]", "got list"),
        ("{", "not valid JSON"),
    ],
)
def test_documents_that_cannot_be_used_are_refused(tmp_path, text, words):
    (tmp_path / "note.json").write_text(text)
    with pytest.raises(DataError, match=words):
        Note.read(tmp_path)


def test_a_table_is_read_as_it_was_written(tmp_path):
    rows = (line(), line(case_id="b", exact=inf, seen=False, count=7))
    path = Line.write(tmp_path, rows)
    assert path.read_text().splitlines() == [
        "case_id,class_name,score,exact,short,seen,count",
        "a,x,0.12,0.1,1.23e+03,true,",
        "b,x,0.12,,1.23e+03,false,7",
    ]
    first, second = Line.read(tmp_path)
    assert first == line(score=0.12, short=1230.0)
    assert isnan(second.exact)
    assert (second.seen, second.count) == (False, 7)


def test_columns_that_older_tables_lack_have_their_defaults(tmp_path):
    (tmp_path / "lines.csv").write_text("case_id,class_name,score,exact,short,seen\na,x,1,1,1,true\n")
    assert Line.read(tmp_path)[0].count is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("case_id,class_name\na,x\n", "line 2: .*no 'score'"),
        ("case_id,class_name,score,exact,short,seen\na,x,high,1,1,true\n", "'high' for 'score'"),
        ("case_id,class_name,score,exact,short,seen\na,x\n", "cut off"),
        ("", "of the test, found no column 'case_id' in an empty file. Restore it, or make it again"),
        ("case_id,class_name\n", "of the test, found no column 'score'. Restore"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path, text, words):
    (tmp_path / "lines.csv").write_text(text)
    with pytest.raises(DataError, match=words):
        Line.read(tmp_path)


def test_a_table_without_lines_is_one(tmp_path):
    Line.write(tmp_path, ())
    assert Line.read(tmp_path) == ()


@pytest.mark.parametrize("kind", [Line, Note])
def test_an_absent_file_is_named(tmp_path, kind):
    with pytest.raises(DataError, match=rf"{kind.NAME} of the test, found no file"):
        kind.read(tmp_path)


def test_a_cell_without_end_is_no_fault_of_the_program(tmp_path):
    (tmp_path / "lines.csv").write_text("case_id\n" + "x" * 200_000)
    with pytest.raises(DataError, match="larger than field limit"):
        Line.read(tmp_path)
