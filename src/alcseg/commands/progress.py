"""Progress of a long loop: a bar in a notebook or on a terminal, else a plain line on stderr now and then."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from alcseg.notebook import (
    NotebookBar,
    bars_wanted,
    find_notebook,
    line_every_s,
    progress_wanted,
    working_on,
)

__all__ = ["track"]

Item = TypeVar("Item")

logger = logging.getLogger("alcseg")  # the level that -q and -v set decides


def track(iterable: Iterable[Item], description: str, total: int | None = None) -> Iterator[Item]:
    """Yield the items of `iterable` and show how far the loop is, where that is wanted.

    In a script that uses the package, and under `-q`, it is not; see `alcseg.progress`.

    Args:
        iterable: What is looped over.
        description: What one item costs the time for, as in "Correcting cases".
        total: Number of items, where `iterable` has no length.
    """
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    if not progress_wanted():
        yield from iterable
    elif find_notebook() is not None:
        with NotebookBar(description, total) as bar:
            for done, item in enumerate(iterable, start=1):
                yield item
                bar.move(done)
    elif bars_wanted():
        yield from _bar(iterable, description, total)
    else:
        name = working_on("")
        yield from _lines(iterable, f"{name}: {description}" if name else description, total)


def _bar(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(iterable, total=total, description=description)


def _lines(iterable: Iterable[Item], description: str, total: int | None) -> Iterator[Item]:
    started = said = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        if now - said >= line_every_s():
            said = now
            elapsed = now - started
            if total is None:
                _say("%s: %d, %.0f s", description, done, elapsed)
            else:
                left = elapsed / done * (total - done)
                _say("%s: %d/%d, %.0f s, about %.0f s left", description, done, total, elapsed, left)


def _say(message: str, *values: object) -> None:
    """Log a line; print it where it is wanted and the log would drop it."""
    if logger.isEnabledFor(logging.INFO):
        logger.info(message, *values)
    else:
        sys.stderr.write(f"{message % values}\n")
