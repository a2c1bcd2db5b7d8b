"""What interrupted calls leave behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alcseg import unfinished
from alcseg.unfinished import leftovers, own, remove_leftovers, unfinished_prefix


def of_process(number: int) -> str:
    return unfinished_prefix().replace(f"-{os.getpid()}-", f"-{number}-")


@pytest.fixture
def gone() -> int:
    """Number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_what_a_process_of_this_machine_has_left_is_removed(tmp_path: Path, gone: int) -> None:
    left = [f"{of_process(gone)}a.txt", f"{of_process(os.getpid())}b.txt"]
    stays = [
        f"{of_process(os.getppid())}c.txt",  # of a process that lives
        f".partial-00000000-{gone}-d.txt",  # of another machine
        ".partial-e.txt",  # of another program
        unfinished_prefix("replaced") + "f",
    ]
    for name in (*left, *stays):
        (tmp_path / name).touch()
    (tmp_path / f"{of_process(gone)}folder" / "deep").mkdir(parents=True)
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(stays)


def test_what_this_process_writes_is_its_own(tmp_path: Path) -> None:
    mine = tmp_path / f"{unfinished_prefix()}x"
    mine.touch()
    with own(mine):
        assert leftovers(tmp_path) == []
    assert leftovers(tmp_path) == [mine]


def test_a_folder_is_looked_through_once(tmp_path: Path, gone: int, monkeypatch: pytest.MonkeyPatch) -> None:
    remove_leftovers(tmp_path)
    (tmp_path / f"{of_process(gone)}x").touch()
    monkeypatch.setattr(unfinished, "leftovers", lambda folder: pytest.fail("looked again"))
    remove_leftovers(tmp_path)
    monkeypatch.undo()
    remove_leftovers(tmp_path, again=True)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert leftovers(tmp_path / "absent") == []


def test_what_another_process_removes_as_well_is_removed_once(
    tmp_path: Path, gone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f"{of_process(gone)}x"
    (left / "deep").mkdir(parents=True)
    rmtree = shutil.rmtree

    def meanwhile(path: Path) -> None:
        remove_leftovers(tmp_path, again=True)  # as the other one does
        rmtree(path)

    monkeypatch.setattr(shutil, "rmtree", meanwhile)
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_processes_are_counted_anew_in_a_container(monkeypatch: pytest.MonkeyPatch) -> None:
    here = unfinished._machine()
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]")
    assert unfinished._machine() != here


def test_a_stop_in_the_middle_of_a_removal_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rmtree = shutil.rmtree

    def stopped(path: Path) -> None:
        monkeypatch.setattr(shutil, "rmtree", rmtree)
        raise KeyboardInterrupt

    (tmp_path / "old" / "deep").mkdir(parents=True)
    monkeypatch.setattr(shutil, "rmtree", stopped)
    with pytest.raises(KeyboardInterrupt):
        unfinished.remove(tmp_path / "old")
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_what_is_left_goes_with_it(tmp_path: Path) -> None:
    """Beside a folder that a killed process was at lies the lock that it held."""
    left = tmp_path / f".partial-{unfinished._HOST}-{2**22 + 1}-part"
    left.mkdir()
    (tmp_path / f".{left.name}.lock").touch()
    (tmp_path / ".mine.lock").touch()
    unfinished.remove_leftovers(tmp_path, again=True)
    assert [path.name for path in tmp_path.iterdir()] == [".mine.lock"]
