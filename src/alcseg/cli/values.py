"""From the text of a flag to its value."""

import argparse
from collections.abc import Callable

__all__ = [
    "AsTuple",
    "PairAction",
    "folder_pair",
    "fraction",
    "jobs_or_auto",
    "label_pair",
    "names",
    "number",
    "whole",
]


class AsTuple(argparse.Action):
    """Store several values as a tuple."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        """Store `values`."""
        setattr(namespace, self.dest, tuple(values))


class PairAction(argparse.Action):
    """Collect OLD=NEW or NAME=FOLDER pairs in one dictionary."""

    def __call__(self, parser, namespace, values, option_string=None):  # type: ignore[no-untyped-def]
        """Add one pair, or several."""
        known = dict(getattr(namespace, self.dest) or {})
        for key, value in values if isinstance(values, list) else [values]:
            if key in known:
                raise argparse.ArgumentError(self, f"expected '{key}' once, got it twice")
            known[key] = value
        setattr(namespace, self.dest, known)


def fraction(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"expected a fraction from 0 to 1, got '{text}'")
    return value


def jobs_or_auto(text: str) -> int | str:
    """Read a number of jobs, or `auto`."""
    if text == "auto":
        return text
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a whole number or auto, got '{text}'") from None


def whole(low: int, high: int = 2**32 - 1) -> Callable[[str], int]:
    """Read a whole number in a range."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected a whole number from {low} to {high}, got '{text}'")
        return value

    return read


def names(text: str) -> tuple[str, ...]:
    """Read `NAME,NAME`."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def number(text: str) -> int | float:
    """Read an integer where it is one, else a float."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def folder_pair(text: str) -> tuple[str, str]:
    """Read `NAME=FOLDER`."""
    name, _, folder = text.partition("=")
    if not name or not folder:
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER such as anna=labels_anna, got '{text}'")
    return name, folder


def label_pair(text: str) -> tuple[int, int]:
    """Read `OLD=NEW`, two label values."""
    old, _, new = text.partition("=")
    try:
        return int(old), int(new)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected OLD=NEW with two integers such as 255=1, got '{text}'"
        ) from None
