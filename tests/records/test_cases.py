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


def test_a_case_is_alone_in_its_group_unless_told(tmp_path: Path) -> None:
    rows = (CaseRow(case_id="a"), CaseRow(case_id="b", quality="lq", group="p", source="x.nii"))
    path = CaseRow.write(tmp_path, rows)
    assert path.read_text().splitlines() == [
        "case_id,quality,split,group,source,rater,classes_drawn",
        "a,hq,train,a,,,",
        "b,lq,train,p,x.nii,,",
    ]
    path.write_text("case_id,quality,split,group\n a ,,,\nb,lq,,p\n")
    assert [(row.case_id, row.quality, row.split, row.group) for row in CaseRow.read(tmp_path)] == [
        ("a", "hq", "train", "a"),
        ("b", "lq", "train", "p"),
    ]
