"""Whether and how verbs show how far they are, and the bar that a Jupyter notebook shows."""

import html
import logging
import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

__all__ = [
    "NotebookBar",
    "bars_wanted",
    "find_notebook",
    "line_every_s",
    "progress",
    "progress_beside",
    "progress_wanted",
    "working_on",
]

_LOOK_EVERY_S = 0.2
_LINE_EVERY_S = 30.0

logger = logging.getLogger("alcseg")  # the level that -q and -v set decides


@dataclass
class _Said:
    """What was said about progress: whether to show it, and who else writes to the terminal."""

    show: bool | None = None
    name: str = ""
    count: int = 1


_said = _Said()


def progress(show: bool | None) -> None:
    """Show how far verbs are, or do not, from now on.

    Args:
        show: True for everywhere, False for nowhere. None for what holds where nothing was said: in
            notebooks, and wherever `alcseg` logs INFO, as its command line does.
    """
    _said.show = show


def progress_wanted() -> bool:
    """Whether to show how far something is."""
    if _said.show is not None:
        return _said.show
    return logger.isEnabledFor(logging.INFO) or find_notebook() is not None


def progress_beside(count: int, name: str) -> None:
    """Show it from now on as one of several processes that write to one terminal: in lines, not in bars.

    Args:
        count: Processes side by side; together they write a line every half minute.
        name: What this one works on.
    """
    _said.show, _said.name, _said.count = True, name, count


def bars_wanted() -> bool:
    """Whether stderr is a terminal that this process has for itself."""
    return sys.stderr.isatty() and _said.count == 1


def line_every_s() -> float:
    """Seconds between the lines that stand for a bar where there is none."""
    return _LINE_EVERY_S * _said.count


def working_on(otherwise: str) -> str:
    """What this process among several works on; `otherwise` where it is alone."""
    return _said.name or otherwise


def find_notebook() -> Any:
    """What displays things in the notebook that this process works for; None where it works for none."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.modules.get("IPython.display") if hasattr(shell, "kernel") else None


class NotebookBar:
    """A bar of the browser's own below the cell that works; in a saved text a line.

    Args:
        title: Before the count.
        total: Where the count ends; None where that is not known.
        done: Where it begins.
    """

    def __init__(self, title: str, total: int | None, done: int = 0) -> None:
        self.title, self.total, self.done, self.values = title, total, done, ""
        self.begun = self.looked = time.monotonic()
        self.shown = find_notebook().display(self._look(), raw=True, display_id=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def move(self, done: int, values: str = "") -> None:
        """Go on to a count, with what else there is to say."""
        self.done, self.values = done, values
        if time.monotonic() - self.looked > _LOOK_EVERY_S:
            self.close()

    def close(self) -> None:
        """Show where the count is now."""
        self.looked = time.monotonic()
        self.shown.update(self._look(), raw=True)

    def _look(self) -> dict[str, str]:
        count = f"{self.done}" if self.total is None else f"{self.done}/{self.total}"
        time_s = f"{time.monotonic() - self.begun:.0f} s"
        text = ", ".join(filter(None, (f"{self.title}: {count}", self.values, time_s)))
        size = "" if self.total is None else f' value="{self.done}" max="{self.total}"'
        return {"text/plain": text, "text/html": f"<progress{size}></progress> {html.escape(text)}"}
