"""One process at a time on an output folder."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from alcseg.errors import ResourceError, UsageError
from alcseg.locks import alone

HOLDER = """
import sys
from pathlib import Path
from alcseg.locks import alone

with alone(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and locks of other systems")


@contextmanager
def another_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "a"
    with another_process(out) as process:
        with pytest.raises(UsageError) as caught, alone(out):
            pass
        said = str(caught.value)
        assert f"{out}: another alcseg is at it, process {process.pid} on host {socket.gethostname()}" in said
        assert "\n" not in said
        with alone(tmp_path / "runs" / "b"):  # folders beside it are free
            pass
    # The killed one leaves its file; nobody holds it.
    assert json.loads((tmp_path / "runs" / ".a.lock").read_text())["pid"] == process.pid
    with alone(out):
        assert json.loads((tmp_path / "runs" / ".a.lock").read_text())["pid"] == os.getpid()
    assert list((tmp_path / "runs").iterdir()) == []


def test_one_process_may_enter_again(tmp_path: Path) -> None:
    with alone(tmp_path / "a"):
        with alone(tmp_path / "a"):
            pass
        assert (tmp_path / ".a.lock").is_file()
    assert not (tmp_path / ".a.lock").exists()


def test_a_place_that_cannot_hold_a_lock_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = r"file/run: expected a folder that can be made, found .* at .*file\."
    with pytest.raises(ResourceError, match=words), alone(tmp_path / "file" / "run"):
        pass
    (tmp_path / ".run.lock").mkdir()
    words = r"\.run\.lock: expected a file that can be written and locked"
    with pytest.raises(ResourceError, match=words), alone(tmp_path / "run"):
        pass


def test_a_long_name_is_locked_as_well(tmp_path: Path) -> None:
    with alone(tmp_path / ("a" * 255)):
        (lock,) = tmp_path.iterdir()
        assert lock.name.endswith(".lock")


def test_a_lock_whose_holder_ends_just_now_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "parts" / "a"
    acquire = FileLock.acquire
    ends: list[Exception] = [Timeout("no file by now"), FileNotFoundError(errno.ENOENT, "no folder by now")]

    def meanwhile(lock: FileLock, **options: float) -> object:
        if not ends:
            return acquire(lock, **options)
        end = ends.pop()
        if isinstance(end, FileNotFoundError):
            out.parent.rmdir()  # as the last of several parts does
        raise end

    monkeypatch.setattr(FileLock, "acquire", meanwhile)
    with alone(out):
        assert (tmp_path / "parts" / ".a.lock").is_file()


def test_a_lock_that_others_take_again_and_again_is_told_as_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file may be gone at each look, though the place takes files."""

    def never(lock: FileLock, **options: float) -> object:
        raise Timeout("held")

    monkeypatch.setattr(FileLock, "acquire", never)
    with pytest.raises(UsageError, match="another alcseg is at it"), alone(tmp_path / "a"):
        pass
    assert list(tmp_path.iterdir()) == []
