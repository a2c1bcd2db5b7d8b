"""`cases.csv` as people write it."""

from pathlib import Path

import pytest

from alcseg.data.tables import read_cases
from alcseg.errors import DataError


def test_a_misspelt_column_is_not_taken_for_an_absent_one(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("case_id,qualty,split\na,lq,train\n")
    with pytest.raises(DataError, match="expected the column 'quality', found an unknown column 'qualty'"):
        read_cases(path)


def test_a_table_without_a_column_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("case_id,split\na,val\n")
    (row,) = read_cases(path)
    assert (row.quality, row.split) == ("hq", "val")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes("case_id,quality\nMüller,lq\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        read_cases(path)
