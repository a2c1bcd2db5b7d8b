"""Commands in processes of their own that something happens to at a chosen point: a kill, a full disk, ...

A server that has imported everything forks them, so that each costs what the command costs. Points are
counted by what Python reports of itself (`sys.addaudithook`): names made, changed or removed in the sandbox.
"""

import errno
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

Kind = Literal["kill", "stop", "full", "read-only", "vanish"]

_CHANGES = {"os.rename": 1, "os.mkdir": 0, "os.remove": 0, "os.rmdir": 0, "os.link": 1, "shutil.rmtree": 0}
"""What changes names, and the place of the argument that says where."""
_SECONDS = 900  # a demo takes 10 s of CPU, and much longer on a busy machine

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [f"alcseg.commands.{name}" for name in ("audit", "demo", "report", "archive_dataset", "import_dataset")]
    + ["alcseg.benchmarking.command", "alcseg.reviewing.command", "alcseg.cli.printing", "lightning.pytorch"]
)


@dataclass(frozen=True)
class Fault:
    """What happens when.

    Attributes:
        kind: `kill` and `stop` by a signal; `full` and `read-only`: nothing more can be written; `vanish`: an
            input is gone when it is opened.
        point: Number of the change, or of the opened input, at which it happens, from 1 on.
    """

    kind: Kind
    point: int


class Ended(NamedTuple):
    """How a command ended: exit code, negative for a signal; what it said; how many points it passed."""

    code: int
    out: str
    err: str
    points: int


class Running:
    """A command on its way.

    Args:
        words: Of the command.
        sandbox: Folder in which changes count.
        notes: Folder for what it says.
        fault: What happens to it.
        inputs: Folder in which files can vanish.
    """

    def __init__(
        self,
        words: Sequence[str],
        sandbox: Path,
        notes: Path,
        fault: Fault | None = None,
        inputs: Path | None = None,
    ) -> None:
        self._notes = [notes / f"{name}-{next(_numbers)}" for name in ("out", "err", "points")]
        self._process = _context.Process(
            target=_run, args=(list(words), sandbox, fault, inputs, *self._notes), daemon=False
        )
        self._process.start()

    def wait(self) -> Ended:
        """Until it has ended."""
        self._process.join(_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            raise TimeoutError(f"not ended after {_SECONDS} s")
        out, err, points = (note.read_text() if note.exists() else "" for note in self._notes)
        return Ended(self._process.exitcode or 0, out, err, int(points or 0))


_numbers = iter(range(10**9))


def _run(
    words: list[str],
    sandbox: Path,
    fault: Fault | None,
    inputs: Path | None,
    out: Path,
    err: Path,
    points: Path,
) -> None:
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
    import torch

    import alcseg.auditing.forests
    import alcseg.auditing.lessons
    import alcseg.commands.demo
    from alcseg.cli import main

    torch.set_num_threads(1)
    alcseg.auditing.forests._TREES = 10  # as in the tests of this process: small and quick
    alcseg.auditing.lessons._DRAWS = (36, 8, 12)
    sys.modules["alcseg.commands.demo"].demo.__kwdefaults__.update(SMALL_DEMO)
    passed = [0]
    sys.addaudithook(_watch(sandbox, inputs, fault, passed))
    code = main(words)
    points.write_text(str(passed[0]))
    sys.stdout.flush()
    sys.exit(code)


SMALL_DEMO = {
    "cases": (4, 1, 1),
    "set": [
        "trainer.steps=2",
        "trainer.validate_every=2",
        "network.filters=2",
        "data.hq_batch=1",
        "data.lq_batch=2",
    ],
}
"""Options of a demo of seconds."""


def _watch(
    sandbox: Path, inputs: Path | None, fault: Fault | None, passed: list[int]
) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook that counts points and lets the fault happen."""

    def happen(path: str, *, writes: bool) -> None:
        if fault is None:
            return
        late = passed[0] >= fault.point
        if fault.kind in ("kill", "stop") and passed[0] == fault.point:
            os.kill(os.getpid(), signal.SIGKILL if fault.kind == "kill" else signal.SIGTERM)
        elif fault.kind == "full" and late and writes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        elif fault.kind == "read-only" and late:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if not isinstance(path, str | os.PathLike) or not isinstance(flags, int):
                return
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                if _below(path, sandbox):
                    passed[0] += 1
                    happen(str(path), writes=True)
            elif fault is not None and fault.kind == "vanish" and inputs is not None and _below(path, inputs):
                passed[0] += 1
                if passed[0] == fault.point and os.path.isfile(path):
                    os.rename(path, inputs.with_name("vanished"))
        elif event in _CHANGES and (fault is None or fault.kind != "vanish"):
            path = args[_CHANGES[event]]
            if isinstance(path, str | os.PathLike) and _below(path, sandbox):
                passed[0] += 1
                happen(str(path), writes=event in ("os.mkdir", "os.link"))

    return hook


def _below(path: str | os.PathLike[str], folder: Path) -> bool:
    return os.path.abspath(path).startswith(f"{folder}{os.sep}")
