from pathlib import Path

import pytest

from alcseg import texts
from alcseg.errors import DataError
from alcseg.texts import read_cells, read_lines, read_text


def test_lines_come_without_blanks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffa \r\n\r\n  b\tc\r\n".encode())
    assert read_lines(tmp_path / "a.txt", "a list") == ["a", "b\tc"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]),
        ("a\tb\n1,5\t2;3\n", [["a", "b"], ["1,5", "2;3"]]),
        ('"a;b",c\n1,2\n', [["a;b", "c"], ["1", "2"]]),
        ("SEP=;\na;b,c\n", [["a", "b,c"]]),
        ("a\nb,c\n", [["a"], ["b", "c"]]),
        ("a, b\n,\n\n", [["a", "b"]]),
        ("", []),
    ],
)
def test_cells_end_at_what_divides_the_first_row(text: str, rows: list[list[str]], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert read_cells(tmp_path / "a.csv", "a table") == rows


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ä".encode("latin-1"), "expected UTF-8 text, found another encoding"),
        ("a".encode("utf-16"), "expected UTF-8 text, found another encoding"),
        (b"\x1f\x8b\x08\x00", "expected UTF-8 text"),
        (b"a\0b", "expected a list, found null characters"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    ],
)
def test_what_is_no_text_is_told_in_a_line(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_text(tmp_path / "a.txt", "a list")


def test_an_absent_file_a_folder_and_a_link_to_nowhere_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    for place, words in (("gone", "found no file"), (".", "found a folder"), ("link", "found a link to")):
        with pytest.raises(DataError, match=words):
            read_text(tmp_path / place, "a list")


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_LARGEST", 1 << 20)
    (tmp_path / "a.txt").write_bytes(b"a" * ((1 << 20) + 1))
    with pytest.raises(DataError, match="expected a list, found 1 MiB"):
        read_text(tmp_path / "a.txt", "a list")
