"""`cases.csv` as people write it."""

from pathlib import Path

import pytest

from alcseg.errors import DataError
from alcseg.records.cases import CaseRow


def test_a_misspelt_column_is_not_taken_for_an_absent_one(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("case_id,qualty,split\na,lq,train\n")
    with pytest.raises(DataError, match="expected the column 'quality', found an unknown column 'qualty'"):
        CaseRow.read(tmp_path)


def test_a_table_without_a_column_has_its_default(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("case_id,split\na,val\n")
    (row,) = CaseRow.read(tmp_path)
    assert (row.quality, row.split) == ("hq", "val")


def test_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_bytes("case_id,quality\nMüller,lq\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        CaseRow.read(tmp_path)
