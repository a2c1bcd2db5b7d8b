"""A verb that is killed, stopped or out of disk at any write loses nothing and can be called again."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alcseg.commands.demo import demo
from faults.children import SMALL_DEMO
from faults.verbs import QUICK, VERBS

LONG = [pytest.mark.slow, pytest.mark.timeout(3600)]
EVERY = [*QUICK, *(pytest.param(name, marks=LONG) for name in VERBS if name not in QUICK)]


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of seconds, in this process."""
    monkeypatch.setattr(demo, "__kwdefaults__", {**(demo.__kwdefaults__ or {}), **SMALL_DEMO})


class Killed(BaseException):
    """Ends everything where it is raised; no handler of errors sees it."""


def fail_at(count: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rename of that number, by which something is finished, raise."""
    left: Iterator[bool] = iter([False] * (count - 1) + [True])
    replace = os.replace

    def fail(old: Path, new: Path) -> None:
        if next(left, False):
            raise error
        replace(old, new)

    monkeypatch.setattr(os, "replace", fail)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("count", [1, 2])
def test_the_same_command_works_after_a_kill_and_old_output_stays(
    name: str,
    count: int,
    inputs: Path,
    tmp_path: Path,
    alcseg: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb, out = VERBS[name], tmp_path / "out"
    with monkeypatch.context() as patch:
        fail_at(count, Killed(), patch)
        with pytest.raises(Killed):
            alcseg(*verb.command(inputs, out))
    assert alcseg(*verb.command(inputs, out))[0] == 0
    assert not list(tmp_path.rglob(".partial-*"))
    if not verb.overwrites:
        return
    before = content(out)
    with monkeypatch.context() as patch:
        fail_at(count, Killed(), patch)
        with pytest.raises(Killed):
            alcseg(*verb.command(inputs, out, "--overwrite"))
    assert content(out) == before


@pytest.mark.parametrize("name", EVERY)
def test_a_full_disk_is_one_line_and_exit_code_5(
    name: str,
    inputs: Path,
    tmp_path: Path,
    alcseg: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verb, out = VERBS[name], tmp_path / "out"
    fail_at(2, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), monkeypatch)
    code, _, err = alcseg(*verb.command(inputs, out), "-q")
    assert code == 5
    assert err.splitlines()[-1].startswith("ResourceError: ")
    assert ".partial-" not in err
    assert not list(tmp_path.rglob(".partial-*"))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "name", [name for name in VERBS if name != "demo"]
)  # many minutes; see test_trials.py
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_ended_from_outside_can_be_called_again(
    name: str, number: signal.Signals, inputs: Path, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "alcseg", *VERBS[name].command(inputs, tmp_path / "out")]
    for seconds in (3, 6, 9):  # imports take some; wherever it is then
        process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(seconds)
        process.send_signal(number)
        _, err = process.communicate()
        assert "Traceback" not in err
        if process.returncode == 0:
            return
        if _had_finished(process.returncode, err):
            return
        assert process.returncode in (-number, -signal.SIGINT, 130)  # -2 is 130, too, to a shell: CPython
        # ends by that signal where the interruption came while it compiled text, as imports do
    last = subprocess.run(words, check=False, capture_output=True, text=True)
    assert last.returncode == 0 or _had_finished(last.returncode, last.stderr), last.stderr
    assert not list(tmp_path.rglob(".partial-*"))


def _had_finished(code: int, err: str) -> bool:
    """Whether a command was refused since the one before was ended when its output was there."""
    return code == 2 and "--overwrite" in err
