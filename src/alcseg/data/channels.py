"""Channels of a case by their names: images in the order that a model was trained with."""

from collections.abc import Sequence

from alcseg.errors import DataError
from alcseg.words import shorten

__all__ = ["channel_order"]


def channel_order(found: Sequence[str], wanted: Sequence[str], where: object) -> tuple[int, ...]:
    """Place among the found channels of each wanted one.

    Of a single channel the name does not count. Names that are plain numbers, 0 first, stand for any.

    Args:
        found: Names of the channels that are there; upper and lower case count as the same.
        wanted: Names of those that a model takes, in its order.
        where: What states the names, for the message.

    Raises:
        DataError: If the two are not the same names, each once.
    """
    numbers = tuple(range(len(wanted)))
    if len(found) == len(wanted) and (len(wanted) == 1 or list(wanted) == list(map(str, numbers))):
        return numbers
    here, there = ([name.casefold() for name in names] for names in (found, wanted))
    if sorted(here) != sorted(there) or len(set(here)) < len(here):
        raise DataError(
            f"{where}: expected the channels that the run was trained with, {shorten(wanted, 20)}, found "
            f"{shorten(found, 20)}. Name them as the run does."
        )
    return tuple(here.index(name) for name in there)
