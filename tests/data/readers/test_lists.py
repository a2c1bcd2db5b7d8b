from pathlib import Path

import pytest

from alcseg.data.readers.lists import CaseLists, read_lists
from alcseg.errors import DataError

CASES = ("a", "b", "c")


def lists(folder: Path, cases: tuple[str, ...] = CASES, **texts: str) -> CaseLists:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    return read_lists(folder, cases)


def test_order_and_splits_are_those_of_the_lists(tmp_path: Path) -> None:
    assert lists(tmp_path) == CaseLists(CASES, {})
    found = lists(tmp_path, train_list="c\n\na\n", test_list="b\n")
    assert found.order == ("c", "a", "b")
    assert found.splits == {"c": "train", "a": "train", "b": "test"}


def test_lists_of_validation_and_lists_as_txt_count(tmp_path: Path) -> None:
    found = lists(tmp_path, train_txt="a\n", val_txt="b\n", test_txt="c\n")
    assert found.splits == {"a": "train", "b": "val", "c": "test"}
    with pytest.raises(DataError, match=r"one list of cases for val, found val\.list, val\.txt"):
        lists(tmp_path, val_list="b\n")


def test_names_of_lists_and_endings_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "TRAIN.LIST").write_text("A.H5\ndata/B_NORM.H5\n")
    assert read_lists(tmp_path, ("A", "B")).splits == {"A": "train", "B": "train"}


@pytest.mark.parametrize(
    ("case", "line"),
    [
        ("image0001_norm", "image0001"),
        ("image0001", "image0001_norm.h5"),
        ("image0001_norm", "Pancreas_h5/image0001_norm.h5"),
        ("image0001_norm", "..\\Pancreas_h5\\image0001"),
        ("case0008.npy", "case0008"),
        ("case0008.npy", "case0008.npy.h5"),
        ("0RZDK210BSMWAA6467LU", "2018LA_Seg_Training Set/0RZDK210BSMWAA6467LU/mri_norm2.h5"),
        ("BraTS19_2013_0_1", "BraTS19_2013_0_1,HGG"),
        ("a", "\ufeffa\r"),
    ],
)
def test_a_line_may_have_another_end_than_the_case(case: str, line: str, tmp_path: Path) -> None:
    found = lists(tmp_path, (case, "other_norm"), train_list="other\n", test_list=line)
    assert found.splits == {"other_norm": "train", case: "test"}


@pytest.mark.parametrize(
    ("cases", "line"),
    [(("patient1_frame1",), "patient1"), (("BraTS19_2013_1_1",), "BraTS19_2013_1"), (CASES, "d")],
)
def test_a_line_that_stands_for_no_case_is_refused(cases: tuple[str, ...], line: str, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=rf"test\.list: expected names of cases, .* found {line} \(1 of 2 lines\)"
    ):
        lists(tmp_path, (*cases, "x"), test_list=f"x\n{line}\n")


def test_a_line_that_stands_for_two_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"one case for each line, found a_norm, a\.npy for 'a'"):
        lists(tmp_path, ("a_norm", "a.npy"), test_list="a\n")
    assert lists(tmp_path, ("a_norm", "a.npy", "a"), test_list="a\n").splits == {"a": "test"}


def test_a_case_is_in_one_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"test\.list: .* found 'b' also in train\.list"):
        lists(tmp_path, train_list="a\nb\n", test_list="b_norm\nc\n")


def test_no_case_trains_that_the_list_of_training_cases_leaves_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train\.list: .* none that names b, c \(2 of 3 cases\)"):
        lists(tmp_path, train_list="a\n")
    assert read_lists(tmp_path, CASES, placed=("b", "c")).splits == {"a": "train"}
    (tmp_path / "train.list").unlink()
    assert lists(tmp_path, test_list="b\n").order == ("b", "a", "c")


@pytest.mark.parametrize(
    ("content", "words"), [(b"\n \n", "found no line"), (b"\xff\xfea\0", "expected UTF-8 text")]
)
def test_a_list_that_is_none_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "test.list").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_lists(tmp_path, CASES)


def test_a_folder_is_no_list(tmp_path: Path) -> None:
    (tmp_path / "test.list").mkdir()
    with pytest.raises(DataError, match=r"test\.list: expected a file, found a folder"):
        read_lists(tmp_path, CASES)


def test_a_list_that_is_not_read_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lists(tmp_path, all_list="a\nb\n")
    assert "lists other than train, val and test are not read: all.list" in caplog.text
