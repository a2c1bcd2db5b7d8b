"""When progress is shown, and the bar of a notebook."""

import logging
import sys
from types import ModuleType, SimpleNamespace

import pytest

import alcseg
from alcseg import notebook
from alcseg.commands.progress import track


@pytest.fixture(autouse=True)
def nothing_said():
    yield
    notebook._said = notebook._Said()


@pytest.fixture
def looks(monkeypatch):
    """A notebook, and what it was told to display."""
    seen = []

    def display(look, *, raw, display_id):
        seen.append(look)
        return SimpleNamespace(update=lambda look, raw: seen.append(look))

    ipython, displaying = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())
    displaying.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", displaying)
    return seen


@pytest.fixture
def clock(monkeypatch):
    """Half a second passes between two looks at it."""
    times = iter(range(1000))
    monkeypatch.setattr(notebook.time, "monotonic", lambda: next(times) / 2)


def test_a_notebook_shows_a_bar_unless_told_otherwise(looks, clock, caplog):
    caplog.set_level(logging.WARNING, logger="alcseg")
    assert list(track("abc", "Counting <b>")) == ["a", "b", "c"]
    told = [look["text/plain"].rpartition(",")[0] for look in looks]
    assert told == [f"Counting <b>: {done}/3" for done in (0, 1, 2, 3, 3)]
    assert '<progress value="3" max="3"></progress> Counting &lt;b&gt;: 3/3' in looks[-1]["text/html"]
    looks.clear()
    alcseg.progress(False)
    assert list(track("abc", "Counting")) == ["a", "b", "c"]
    assert looks == []


def test_a_loop_of_unknown_length_has_no_end(looks):
    list(track(iter("ab"), "Reading"))
    assert looks[-1]["text/plain"].startswith("Reading: 2, ")
    assert looks[-1]["text/html"].startswith("<progress></progress> ")


def test_a_loop_that_breaks_shows_how_far_it_came(looks):
    with pytest.raises(ZeroDivisionError):
        list(track((1 / number for number in (2, 1, 0)), "Dividing", 3))
    assert looks[-1]["text/plain"].startswith("Dividing: 2/3")


def test_a_script_shows_it_where_it_asks(caplog, capsys, monkeypatch):
    caplog.set_level(logging.WARNING, logger="alcseg")
    monkeypatch.setattr("alcseg.notebook._LINE_EVERY_S", 0.0)
    list(track("ab", "Reading"))
    assert capsys.readouterr().err == ""
    alcseg.progress(True)
    list(track("ab", "Reading"))
    assert "Reading: 1/2, 0 s, about 0 s left\n" in capsys.readouterr().err


def test_a_shell_without_a_kernel_is_no_notebook(looks, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, logger="alcseg")
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: SimpleNamespace())
    assert notebook.find_notebook() is None
    assert not notebook.progress_wanted()


def test_one_of_several_processes_names_its_work_and_draws_no_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("alcseg.notebook._LINE_EVERY_S", 1e-9)
    assert notebook.bars_wanted()
    notebook.progress_beside(3, "fold 2 of 3")
    assert not notebook.bars_wanted()
    assert notebook.line_every_s() == pytest.approx(3e-9)  # as many lines in all as from one
    list(track("ab", "Caching cases"))
    assert "fold 2 of 3: Caching cases: 1/2, 0 s, about 0 s left\n" in capsys.readouterr().err
