"""What a name stands for: things that come along, and those that other installed distributions register.

A distribution registers an object under an entry point group, as `docs/howto/add-a-plug-in.md` shows.
"""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from alcseg.errors import ConfigError
from alcseg.words import did_you_mean

__all__ = ["Registry", "is_extended"]

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
        self._loaded: dict[_PlugIn, T | None] = {}

    def __getitem__(self, name: str) -> T:
        found = self._find(name)
        if found is None:
            hint = did_you_mean(name, self)
            if self._registered(name):
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
        names = sorted({*self.builtin, *_plug_ins(self._group, tuple(sys.path))})
        return iter([name for name in names if name in self])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def origin(self, name: str) -> str | None:
        """Name and version of the distribution that registers `name`; None for what comes along."""
        return next((plug_in.owner for plug_in in self._registered(name)), None)

    def _registered(self, name: str) -> "list[_PlugIn]":
        return _plug_ins(self._group, tuple(sys.path)).get(name, [])

    def _find(self, name: str) -> T | None:
        found = self._registered(name)
        owners = [*(["alcseg"] if name in self.builtin else []), *(plug_in.owner for plug_in in found)]
        if len(owners) > 1:
            raise ConfigError(
                f"{self._kind} '{name}': expected one distribution that provides it, found "
                f"{' and '.join(owners)}. Uninstall or rename one of them."
            )
        return self._load(found[0]) if found else self.builtin.get(name)

    def _load(self, plug_in: "_PlugIn") -> T | None:
        """What a plug-in is, imported once; None, after one warning, if it cannot be used."""
        if plug_in in self._loaded:
            return self._loaded[plug_in]
        entry, found = plug_in.entry, None
        try:
            loaded = entry.load()
            found = self._accept(loaded)
            fault = "" if found is not None else f"expected {self._wanted}, got {loaded!r:.80}"
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything
            fault = f"{type(error).__name__}: {error}"
        if fault:
            where = f"{self._kind} '{entry.name}' ({entry.group} = {entry.value})"
            logger.warning("%s: %s is left out: %s", plug_in.owner, where, " ".join(fault.split()))
        self._loaded[plug_in] = found
        return found


def is_extended(*groups: str) -> bool:
    """Whether another distribution registers anything in one of these groups; imports none of it."""
    return any(_plug_ins(group, tuple(sys.path)) for group in groups)


@dataclass(frozen=True, eq=False)
class _PlugIn:
    """An entry point, of which there may be equal ones in other places."""

    entry: EntryPoint

    @property
    def owner(self) -> str:
        dist = self.entry.dist
        return "an unknown distribution" if dist is None else f"{dist.name} {dist.version}"


@cache
def _plug_ins(group: str, path: tuple[str, ...]) -> dict[str, list[_PlugIn]]:
    """What is registered, by name; `path` is `sys.path`, so that another one is searched anew."""
    found: dict[str, list[_PlugIn]] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, []).append(_PlugIn(entry))
    return found
