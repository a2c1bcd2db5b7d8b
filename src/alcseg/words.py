"""Words for messages: the nearest known one, and long lists made short."""

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = ["did_you_mean", "nearest", "shorten"]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like `word`; None if none is near."""
    return next(iter(difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.4)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that names the nearest known word, with a space before it; empty if none is near."""
    near = nearest(word, known)
    return f" Did you mean '{near}'?" if near else ""


def shorten(values: Iterable[Any], limit: int = 5) -> str:
    """The first values as text, and how many more there are."""
    items = list(values)
    rest = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(str(item) for item in items[:limit]) + rest
