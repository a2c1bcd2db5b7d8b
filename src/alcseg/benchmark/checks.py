"""What an entry of a plan file may be; errors name the place and the nearest word."""

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from alcseg.errors import ConfigError

__all__ = ["as_list", "as_mapping", "nearest", "require_folder_name", "require_known", "require_one_of"]

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of datasets and rows: names of folders


def as_mapping(entry: Any, where: str) -> Mapping[str, Any]:
    """Keys with values, or a `ConfigError`."""
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: expected keys with values, got {entry!r}.")
    return entry


def as_list(entry: Any, where: str) -> list[Any]:
    """A list, or a `ConfigError`."""
    if not isinstance(entry, list | tuple):
        raise ConfigError(f"{where}: expected a list, got {entry!r}.")
    return list(entry)


def require_known(values: Collection[str], known: Sequence[str], where: str) -> None:
    """Refuse a key that is not known."""
    for key in values:
        if key not in known:
            hint = nearest(key, known) or f" Known keys: {', '.join(known)}."
            raise ConfigError(f"{where}: unknown key '{key}'.{hint}")


def require_one_of(word: str, known: Collection[str], where: str, key: str) -> None:
    """Refuse a word that is not among those known."""
    if word not in known:
        raise ConfigError(
            f"{where}: {key}: expected one of {', '.join(known)}, got '{word}'.{nearest(word, known)}"
        )


def require_folder_name(name: str, where: str) -> None:
    """Refuse a name that no folder should have."""
    if not _WORD.fullmatch(name):
        raise ConfigError(
            f"{where}: expected a name of letters, digits, '.', '_' and '-', since it names a folder."
        )


def nearest(word: str, known: Collection[str]) -> str:
    """A question that names the nearest known word; empty if none is near."""
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.4)
    return f" Did you mean '{near[0]}'?" if near else ""
