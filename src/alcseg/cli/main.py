"""One way in and one way out: every error becomes one line and an exit code here."""

import argparse
import errno
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from alcseg.cli.flags import PRINT_OPTIONS
from alcseg.cli.parser import ARCHIVE, DRY_RUNS, ONE_METHOD, SHARED, VERBS, parse
from alcseg.errors import AlcsegError, UsageError
from alcseg.processes import is_first

__all__ = ["main"]

_NAME_ERRNO = (errno.ENAMETOOLONG, errno.ELOOP)
_RESOURCE_ERRNO = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EROFS, errno.EACCES, errno.EPERM)
_FAULT, _PARTLY_FAILED, _INVALID_DATA, _RESOURCES, _INTERRUPTED = 1, 3, 4, 5, 130


def main(words: Sequence[str] | None = None) -> int:
    """Run `alcseg` with these words, or those of the process, and return its exit code."""
    words = sys.argv[1:] if words is None else list(words)
    if "--debug" in words:
        return _run(words)
    try:
        return _run(words)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the outermost door: every error is told here
        message, code = _explain(error)
        print(message, file=sys.stderr)  # noqa: T201 - the command line is where printing happens
        return code


def _run(words: Sequence[str]) -> int:
    if not words:
        words = ["--help"]
    try:
        options = vars(parse(words))
    except SystemExit as done:  # --help and --version
        return int(done.code or 0)
    verb = options.pop("verb")
    printing = argparse.Namespace(**{name: options.pop(name) for name in PRINT_OPTIONS})
    _start_logging(verbose=printing.verbose, quiet=printing.quiet)
    apart = verb in SHARED and not is_first()  # one of the processes of one training
    if apart:
        logging.getLogger("alcseg").setLevel(logging.WARNING)
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


def _explain(error: BaseException) -> tuple[str, int]:
    """Say in one line what went wrong, and with which exit code."""
    if isinstance(error, AlcsegError):
        return f"{type(error).__name__}: {_one_line(error)}", error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return "Interrupted. What was finished is kept; the same command goes on.", _INTERRUPTED
    if isinstance(error, OSError) and error.errno in _RESOURCE_ERRNO:
        where = f": {error.filename}" if error.filename else ""
        return (
            f"ResourceError: {error.strerror}{where}. Free space or choose a folder you may write to.",
            _RESOURCES,
        )
    if isinstance(error, OSError) and error.errno in _NAME_ERRNO:
        return f"UsageError: {error.strerror}: {error.filename}. Choose another name.", UsageError.exit_code
    # torch reports memory by types and messages of its own; naming them here keeps it out of the imports.
    if (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    ):
        return f"ResourceError: out of memory ({_one_line(error)}). Use a smaller patch or batch.", _RESOURCES
    return (
        f"{type(error).__name__}: {_one_line(error)} A fault of alcseg; --debug shows where it arose.",
        _FAULT,
    )


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
