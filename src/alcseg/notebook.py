"""Whether verbs show how far they are, and the bar that a Jupyter notebook shows."""

import html
import logging
import sys
import time
from types import TracebackType
from typing import Any, Self

__all__ = ["NotebookBar", "find_notebook", "progress", "progress_wanted"]

_LOOK_EVERY_S = 0.2

logger = logging.getLogger("alcseg")  # the level that -q and -v set decides

_said: dict[str, bool | None] = {"show": None}


def progress(show: bool | None) -> None:
    """Show how far verbs are, or do not, from now on.

    Args:
        show: True for everywhere, False for nowhere. None for what holds where nothing was said: in
            notebooks, and wherever `alcseg` logs INFO, as its command line does.
    """
    _said["show"] = show


def progress_wanted() -> bool:
    """Whether to show how far something is."""
    said = _said["show"]
    return logger.isEnabledFor(logging.INFO) or find_notebook() is not None if said is None else said


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
