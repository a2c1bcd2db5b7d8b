"""What is derived from the source is kept while the source stays."""

import sys
from dataclasses import dataclass

import pytest

import alcseg
from alcseg.commands._kept import kept


@dataclass(frozen=True)
class Table:
    words: tuple[str, ...]
    value: object = None


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one file, and a folder for what is compiled."""
    source = tmp_path / "package" / "__init__.py"
    source.parent.mkdir()
    source.write_text("")
    monkeypatch.setattr(alcseg, "__file__", str(source))
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "compiled"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return source


@pytest.fixture
def made():
    """A maker that counts."""

    def make():
        make.count += 1
        return Table(("a", "b"), make.value)

    make.count, make.value = 0, None
    return make


def test_a_table_is_made_once(package, made):
    assert kept("table", Table, made) == kept("table", Table, made) == Table(("a", "b"))
    assert made.count == 1


def test_a_changed_source_makes_it_anew(package, made):
    kept("table", Table, made)
    package.with_name("other.py").write_text("")
    kept("table", Table, made)
    assert made.count == 2


def test_a_damaged_file_makes_it_anew(package, made, tmp_path):
    kept("table", Table, made)
    (file,) = (tmp_path / "compiled").rglob("table.json")
    file.write_text("{")
    assert kept("table", Table, made) == Table(("a", "b"))
    assert made.count == 2


def test_what_a_file_cannot_say_is_made_each_time(package, made):
    made.value = (1, 2)  # would come back as a list
    assert [kept("table", Table, made).value for _ in range(2)] == [(1, 2), (1, 2)]
    assert made.count == 2


def test_nothing_is_written_where_nothing_is_compiled(package, made, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    kept("table", Table, made)
    assert not (tmp_path / "compiled").exists()


def test_a_place_that_cannot_be_written_is_no_error(package, made, tmp_path):
    (tmp_path / "compiled").write_text("in the way")
    assert kept("table", Table, made) == Table(("a", "b"))
