"""Settings: defaults, then a preset, a file and --set; unknown keys are errors that name the nearest.

Sections are `method`, `network`, `data`, `trainer` and the single keys `seed` and `preset`. What a section
takes stands in `alcseg.records.settings`; the sections `method` and `network` are described by what the
chosen method and network take.
"""

import importlib.resources
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any

from alcseg.bounded_yaml import NumbersAsWritten, load_yaml
from alcseg.errors import ConfigError, DataError
from alcseg.networks import network_settings
from alcseg.records.base import Record
from alcseg.records.checked import check
from alcseg.records.settings import (
    ChosenMethod,
    ChosenNetwork,
    DataSettings,
    RunSettings,
    TrainerSettings,
)
from alcseg.seeds import SEEDS
from alcseg.texts import read_text
from alcseg.training_methods import METHODS
from alcseg.words import nearest

__all__ = ["parse_yaml", "preset_names", "resolve", "shipped"]

_SECTIONS: dict[str, type[Record]] = {
    "data": DataSettings,
    "trainer": TrainerSettings,
}
_CHOICES = ("method", "network")  # sections whose keys depend on the name that is chosen
_SINGLE: dict[str, type] = {"seed": int, "preset": str, "format": int}  # keys of a file that are no sections


def preset_names() -> list[str]:
    """Names that `--preset` takes."""
    return shipped("presets")


def shipped(kind: str) -> list[str]:
    """Names of the YAML files of a folder of the package."""
    folder = importlib.resources.files("alcseg") / kind
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def parse_yaml(text: str, where: str) -> Any:
    """Content of a YAML text that a person wrote; see `NumbersAsWritten`.

    Raises:
        ConfigError: If it is none; `where` is what the user knows it by.
    """
    try:
        return load_yaml(text, NumbersAsWritten)
    except ValueError as error:
        raise ConfigError(f"{where}: not valid YAML ({error}). Correct it.") from None


def resolve(
    method: str,
    *,
    preset: str | None = None,
    file: str | PathLike[str] | None = None,
    assignments: Sequence[str] = (),
    seed: int = 0,
    base: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> RunSettings:
    """Put the settings of a run together.

    Args:
        method: Name of the method.
        preset: Name of a shipped preset.
        file: YAML file with any of the sections.
        assignments: `section.key=value` strings, later ones win; the value is read as YAML.
        seed: Of the run.
        base: Settings by section that any of the others go before.

    Returns:
        Checked settings.

    Raises:
        ConfigError: On an unknown key, a wrong value, or a method or preset that does not exist.
    """
    method_class, fixed = METHODS[method]
    layers: list[Mapping[str, Any]] = [base]
    if preset is not None:
        if preset not in preset_names():
            raise ConfigError(f"--preset: expected one of {', '.join(preset_names())}, got '{preset}'.")
        text = (importlib.resources.files("alcseg") / "presets" / f"{preset}.yaml").read_text(
            encoding="utf-8"
        )
        layers.append(_sections(text, f"preset '{preset}'"))
    if file is not None:
        try:
            text = read_text(Path(file), "settings in YAML")
        except DataError as error:
            raise ConfigError(f"--config {error}") from None
        layers.append(_sections(text, str(file)))
    layers.append(_assigned(assignments))

    merged: dict[str, dict[str, Any]] = {name: {} for name in (*_CHOICES, *_SECTIONS)}
    for layer in layers:
        seed = layer.get("seed", seed)
        known = merged["network"].get("name", ChosenNetwork().name)
        if layer.get("network", {}).get("name", known) != known:
            merged["network"] = {}  # what was set of another network says nothing of this one
        for section in merged:
            merged[section] |= layer.get(section, {})
    if isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise ConfigError(f"seed: expected a whole number from 0 to {SEEDS - 1}, got {seed}.")
    name = merged["method"].pop("name", method)
    if name != method:
        raise ConfigError(
            f"method.name: expected '{method}' as given by --method, got '{name}'. Drop one of the two."
        )
    for key, value in fixed.items():
        if merged["method"].get(key, value) != value:
            raise ConfigError(
                f"method.{key}: '{method}' stands for {key}={value}, got {merged['method'][key]}."
            )
    own = check(method_class.settings_class, merged["method"] | fixed, f"method '{method}'", "method.")
    network = merged["network"].pop("name", ChosenNetwork().name)
    of_network = check(
        network_settings(_word(network, "network.name")),
        merged["network"],
        f"network '{network}'",
        "network.",
    )
    sections = {
        section: check(schema, merged[section], f"section '{section}'", f"{section}.")
        for section, schema in _SECTIONS.items()
    }
    chosen = {
        "method": ChosenMethod(name=method, **dict(own)),
        "network": ChosenNetwork(name=network, **dict(of_network)),
    }
    return RunSettings.model_validate({"seed": seed, "preset": preset, **chosen, **sections})


def _word(value: object, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{key}: expected a name, got {value!r}.")
    return value


def _sections(text: str, where: str) -> dict[str, Any]:
    content = parse_yaml(text, where) or {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{where}: expected sections like 'data:' and 'trainer:', got {type(content).__name__}."
        )
    known = [*_CHOICES, *_SECTIONS, "seed", "preset"]
    for section in content:
        if section not in (*known, "format"):
            near = nearest(section, known)
            hint = f"did you mean '{near}'?" if near else f"known sections: {', '.join(known)}."
            raise ConfigError(f"{where}: unknown section '{section}'; {hint}")
    sections: dict[str, Any] = {
        section: {"name": values} if section in _CHOICES and isinstance(values, str) else values
        for section, values in content.items()
        if values is not None
    }
    for section, values in sections.items():
        expected = _SINGLE.get(section, dict)
        if not isinstance(values, expected):
            kind = "keys with values" if expected is dict else expected.__name__
            raise ConfigError(f"{where}: expected {kind} under '{section}:', got {values!r}.")
    if sections.get("format", 0) > RunSettings.FORMAT:
        raise ConfigError(
            f"{where}: expected format {RunSettings.FORMAT} or an older one, found {sections['format']}. "
            "It was written by a newer alcseg; update this one."
        )
    return sections


def _assigned(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`section.key=value` strings as nested settings."""
    sections: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        section, dot, name = key.strip().partition(".")
        known = [*_CHOICES, *_SECTIONS]
        if not equals or not dot or section not in known:
            near = nearest(section, known)
            hint = f" Did you mean '{near}.{name or 'key'}'?" if near else ""
            raise ConfigError(
                f"--set {assignment}: expected SECTION.KEY=VALUE with a section of {', '.join(known)}.{hint}"
            )
        if not value.strip():  # which YAML reads as null, and a shell makes of a variable that is not set
            raise ConfigError(
                f"--set {assignment}: expected a value after '=', found none. For the default leave it out."
            )
        try:
            sections.setdefault(section, {})[name] = load_yaml(value, NumbersAsWritten)
        except ValueError:
            raise ConfigError(f"--set {assignment}: the value is not valid YAML. Quote it.") from None
    return sections
