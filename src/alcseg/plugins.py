"""What a name stands for: things that come along, and those that other installed distributions register.

A distribution registers an object under an entry point group, as `docs/howto/add-a-plug-in.md` shows.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from alcseg.errors import ConfigError, brief
from alcseg.words import did_you_mean

__all__ = ["Registry"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Things of one kind by name, in the order of the names; reads like a dict.

    What comes along never waits for what others registered: their modules are imported when their name is
    asked for, or when all are listed. One that cannot be imported, or is no thing of this kind, is left out
    with a warning. An unknown name, and one that two distributions claim, is a `ConfigError`.

    Attributes:
        builtin: What comes along.
    """

    def __init__(
        self,
        kind: str,
        builtin: Mapping[str, T],
        *,
        group: str,
        wanted: str,
        accept: Callable[[Any], T | None],
    ) -> None:
        """Say what there is and what can be added.

        Args:
            kind: One thing of this kind in words, for messages.
            builtin: What comes along.
            group: Of the entry points.
            wanted: What an entry point has to name, in words.
            accept: The thing that a loaded object stands for; None where it is none of this kind.
        """
        self.builtin = dict(sorted(builtin.items()))
        self._kind, self._group, self._wanted, self._accept = kind, group, wanted, accept
        self._loaded: dict[tuple[EntryPoint, str], T | None] = {}

    def __getitem__(self, name: str) -> T:
        found = self._find(name)
        if found is None:
            hint = did_you_mean(name, self)
            if self._entries(name):
                hint = f" {self.origin(name)} registers it, see the warning."
            raise ConfigError(f"{self._kind}: expected one of {', '.join(self)}, got '{name}'.{hint}")
        return found

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dict."""
        found = self._find(name)
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        names = sorted({*self.builtin, *_registered(self._group, tuple(sys.path))})
        return iter([name for name in names if name in self])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def origin(self, name: str) -> str | None:
        """Name and version of the distribution that registers `name`; None for what comes along."""
        return next(map(_distribution, self._entries(name)), None)

    def _entries(self, name: str) -> list[EntryPoint]:
        return _registered(self._group, tuple(sys.path)).get(name, [])

    def _find(self, name: str) -> T | None:
        entries = self._entries(name)
        owners = [*(["alcseg"] if name in self.builtin else []), *map(_distribution, entries)]
        if len(owners) > 1:
            raise ConfigError(
                f"{self._kind} '{name}': expected one distribution that provides it, found "
                f"{' and '.join(owners)}. Uninstall or rename one of them."
            )
        return self._load(entries[0]) if entries else self.builtin.get(name)

    def _load(self, entry: EntryPoint) -> T | None:
        """What an entry point names, imported once; None, after one warning, if it cannot be used."""
        owner = _distribution(entry)
        if (entry, owner) in self._loaded:
            return self._loaded[entry, owner]
        found = None
        try:
            loaded = entry.load()
            found = self._accept(loaded)
            fault = "" if found is not None else f"expected {self._wanted}, got {loaded!r:.80}"
        except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything
            fault = brief(error)
        if fault:
            text = " ".join(fault.split())
            logger.warning(
                "%s: %s '%s' (%s = %s) is left out: %s",
                owner,
                self._kind,
                entry.name,
                entry.group,
                entry.value,
                text,
            )
        self._loaded[entry, owner] = found
        return found


@cache
def _registered(group: str, path: tuple[str, ...]) -> dict[str, list[EntryPoint]]:
    """Entry points by name; `path` is what they are looked for on, and asked for so that it is remembered."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, []).append(entry)
    return found


def _distribution(entry: EntryPoint) -> str:
    return "an unknown distribution" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"
