"""One way in and one way out: every error becomes one line and an exit code here."""

import _thread
import argparse
import errno
import importlib
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from alcseg.cli.flags import PRINT_OPTIONS
from alcseg.cli.parser import ARCHIVE, DRY_RUNS, NO_TRAINING, ONE_METHOD, SHARED, SIDE_BY_SIDE, VERBS, parse
from alcseg.errors import AlcsegError, UsageError
from alcseg.processes import is_first, require_alone, wait_briefly

__all__ = ["main"]

_NAME_ERRNO = (errno.ENAMETOOLONG, errno.ELOOP)
_DATA_ERRNO = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR)
_RESOURCE_ERRNO = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.ENOMEM, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO,
    errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT,
)  # fmt: skip
_GO_ON = ("audit", "benchmark", "demo", "predict", "train")
"""Verbs that keep what was finished when they are stopped."""
_FAULT, _PARTLY_FAILED, _INVALID_DATA, _RESOURCES, _INTERRUPTED = 1, 3, 4, 5, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run `alcseg` with these words, or those of the process, and return its exit code."""
    wait_briefly()
    ends = words is None
    words = sys.argv[1:] if words is None else list(words)
    with _stopped_like_by_hand():
        if "--debug" in words:
            return _run(words, ends=ends)
        try:
            return _run(words, ends=ends)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost door: every error ends here
            as_json = "--json" in words and not _apart(words[:1])
            return _tell(*_explain(error, words), as_json=as_json)


def _apart(verbs: Sequence[str]) -> bool:
    """Whether this is one of the processes that do a verb together, but not the one that answers."""
    return any(verb in SHARED for verb in verbs) and not is_first()


def _tell(kind: str, message: str, code: int, *, as_json: bool) -> int:
    """Say what went wrong: for people on stderr, for programs where they look for the result."""
    print(f"{kind}: {message}" if kind else message, file=sys.stderr)  # noqa: T201 - where printing happens
    if as_json:
        found = {"error": kind or "Interrupted", "message": message, "exit_code": code}
        print(json.dumps(found, indent=2, ensure_ascii=False))  # noqa: T201
    return code


@contextmanager
def _stopped_like_by_hand() -> Iterator[None]:
    """Let what ends a process from outside end it as Ctrl-C does, so that nothing half written stays.

    Python drops what is raised while it calls back for an object that goes, with a trace on stderr; the wish
    to stop is raised again then, a moment later.
    """
    last, dropped = signal.SIGINT, sys.unraisablehook

    def stop(number: int, frame: object) -> None:
        nonlocal last
        last = signal.Signals(number)
        raise KeyboardInterrupt

    def raise_again(what: "sys.UnraisableHookArgs") -> None:
        if not issubclass(what.exc_type, KeyboardInterrupt):
            dropped(what)
            return
        timer = threading.Timer(0.1, _signal_main_thread, (last,))
        timer.daemon = True
        timer.start()

    here = threading.current_thread() is threading.main_thread()  # no other thread may set a handler
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if here and hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [
        number for number, known in before.items() if known not in (signal.SIG_IGN, None)
    ]  # nohup ignores
    for number in ours:
        signal.signal(number, stop)
    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = dropped
        for number in ours:
            signal.signal(number, before[number])


def _signal_main_thread(number: signal.Signals) -> None:
    """Send a signal to the main thread, out of a system call if need be."""
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, number)
    else:  # Windows, where the next instruction of Python sees it
        _thread.interrupt_main(number)


def _run(words: Sequence[str], *, ends: bool) -> int:
    """Do what the words say; `ends` where the process does nothing else."""
    if not words:
        words = ["--help"]
    try:
        options = vars(parse(words))
        verb = options.pop("verb")
        if verb not in SHARED:
            require_alone(verb)
    except SystemExit as done:  # --help and --version, and processes that have nothing to say
        return int(done.code or 0)
    printing = argparse.Namespace(**{name: options.pop(name) for name in PRINT_OPTIONS})
    _start_logging(verbose=printing.verbose, quiet=printing.quiet)
    apart = _apart([verb])
    if apart:
        logging.getLogger("alcseg").setLevel(logging.WARNING)
    if ends and verb in NO_TRAINING and options["engine"] == "auto":
        options["engine"] = "fastest"
    if ends and verb in SIDE_BY_SIDE and options["jobs"] is None:
        options["jobs"] = "auto"
    module, function = VERBS[verb]
    if "part_mib" in options:
        module, function = ARCHIVE
    if "name" in options:
        module, function = ONE_METHOD
    if verb in DRY_RUNS and options.pop("dry_run"):
        module, function, without = DRY_RUNS[verb]
        options = {name: value for name, value in options.items() if name not in without}
    result = getattr(importlib.import_module(module), function)(**options)

    if apart:
        return 0

    from alcseg.cli.printing import show

    try:
        show(function, result, as_json=printing.json)
        sys.stdout.flush()
    except BrokenPipeError:  # `alcseg methods | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _exit_code(result)


def _exit_code(result: Any) -> int:
    if getattr(result, "failed", None):
        return _PARTLY_FAILED
    if any(finding.grade != "ok" for finding in getattr(result, "findings", ())):
        return _INVALID_DATA
    return _RESOURCES if getattr(result, "missing", None) else 0


def _explain(error: BaseException, words: Sequence[str]) -> tuple[str, str, int]:
    """Kind of an error, what went wrong in one line, and the exit code."""
    if isinstance(error, AlcsegError):
        return type(error).__name__, _one_line(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "", f"Interrupted. {_after_interruption(words)}", _INTERRUPTED
    number = error.errno if isinstance(error, OSError) else None
    said, name = getattr(error, "strerror", None), getattr(error, "filename", None)
    if number in _RESOURCE_ERRNO:
        where = f": {name}" if name else ""
        advice = "Free space or choose a place you may read and write."
        return "ResourceError", f"{said}{where}. {advice}", _RESOURCES
    if number in _NAME_ERRNO:
        return "UsageError", f"{said}: {name}. Choose another name.", UsageError.exit_code
    if number in _DATA_ERRNO and name:  # what was there when it was looked for
        return "DataError", f"{name}: expected a file that stays, found '{said}'. Restore it.", _INVALID_DATA
    # torch reports memory by types and messages of its own; naming them here keeps it out of the imports.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    ):
        return (
            "ResourceError",
            f"out of memory ({_one_line(error)}). Use a smaller patch or batch.",
            _RESOURCES,
        )
    fault = f"{_one_line(error)} A fault of alcseg; --debug shows where it arose."
    return type(error).__name__, fault, _FAULT


def _after_interruption(words: Sequence[str]) -> str:
    """What is there now, and what the same command does."""
    verb = words[0] if words else ""
    if verb == "train" and "--overwrite" in words:
        return (
            "From its first checkpoint on the new run is kept, and goes on without --overwrite; "
            "before that the old one is there again."
        )
    if verb in _GO_ON and "--overwrite" not in words:
        return "What was finished is kept; the same command goes on."
    return "Nothing was replaced; the same command begins again."


def _one_line(error: BaseException) -> str:
    """The message without line ends and with signs that would move a terminal's cursor spelled out."""
    text = " ".join(str(error).split())
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)


class _Formatter(logging.Formatter):
    """Plain messages; warnings and errors carry their level."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {text}"


def _start_logging(*, verbose: bool, quiet: bool) -> None:
    """Send what the package logs to stderr, for people."""
    logger = logging.getLogger("alcseg")
    logger.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter())
    logger.handlers = [handler]  # a second call in one process must not say everything twice
    logger.propagate = False
