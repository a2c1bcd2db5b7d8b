"""Progress never changes what is looped over."""

import logging

import pytest

from alcseg.commands import progress
from alcseg.commands.progress import track


@pytest.fixture
def log(caplog):
    """The package's log at INFO, as the command line sets it."""
    caplog.set_level(logging.INFO, logger="alcseg")
    return caplog


@pytest.mark.parametrize("level", [logging.WARNING, logging.INFO])
@pytest.mark.parametrize("terminal", [True, False])
def test_items_pass_unchanged(caplog, monkeypatch, level, terminal):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal, raising=False)
    caplog.set_level(level, logger="alcseg")
    assert list(track([1, 2, 3], "counting")) == [1, 2, 3]
    assert list(track(iter("ab"), "spelling")) == ["a", "b"]


def test_plain_lines_say_how_far_and_how_long(log, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    clock = iter([0.0, 10.0, 40.0, 50.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    list(track("abc", "reading"))
    # 10 s: too early. 40 s: two of three done at 20 s each, so 20 s are left. 50 s: too early again.
    assert [record.getMessage() for record in log.records] == ["reading: 2/3, 40 s, about 20 s left"]


def test_plain_lines_without_a_total(log, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    clock = iter([0.0, 31.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    list(track(iter("a"), "reading"))
    assert [record.getMessage() for record in log.records] == ["reading: 1, 31 s"]


def test_silent_as_a_library(caplog):
    caplog.set_level(logging.WARNING, logger="alcseg")
    list(track("abc", "reading"))
    assert caplog.records == []
