"""Settings: defaults from signatures, then a preset, a file and --set; unknown keys are errors.

Sections are `method`, `network`, `data`, `trainer` and the single keys `seed` and `preset`. The schema of a
section is a signature: the dataclasses below, and the constructor of the method.
"""

import dataclasses
import difflib
import importlib.resources
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import jsonargparse
import yaml

from alcseg.errors import ConfigError

__all__ = [
    "DataSettings",
    "NetworkSettings",
    "Settings",
    "TrainerSettings",
    "check_arguments",
    "preset_names",
    "resolve",
]


@dataclass(frozen=True)
class NetworkSettings:
    """Which network.

    Attributes:
        name: `vnet`, `unet`, `segresnet`, `dynunet`, `swin_unetr` or `unetr`.
        filters: Channels of the first level.
        dropout: Probability of the network's dropout layers.
    """

    name: str = "vnet"
    filters: int = 16
    dropout: float = 0.5


@dataclass(frozen=True)
class DataSettings:
    """How cases become batches; `null` means planned from the data or the machine.

    Attributes:
        patch: Side lengths of a patch in voxels.
        spacing: Voxel size of the model grid in mm, RAS axes; `null` in an axis keeps each case's own.
        normalization: `zscore`, `ct` or `none`.
        clip: Intensity window under `ct`.
        hq_batch: HQ patches per step.
        lq_batch: LQ patches per step.
        foreground_fraction: Share of patches centered on foreground of the given label.
        flip_axes: Axes flipped at random.
        rotate_plane: Axes in which quarter turns are drawn.
        intensity_scale: Largest relative change of the intensities.
        intensity_shift: Largest shift of the intensities in standard deviations.
        cache: Folder of preprocessed cases; `null` puts it beside the run folder.
    """

    patch: tuple[int, int, int] | None = None
    spacing: tuple[float | None, float | None, float | None] | None = None
    normalization: Literal["zscore", "ct", "none"] | None = None
    clip: tuple[float, float] | None = None
    hq_batch: int | None = None
    lq_batch: int | None = None
    foreground_fraction: float = 0.0
    flip_axes: tuple[int, ...] = ()
    rotate_plane: tuple[int, int] | None = None
    intensity_scale: float = 0.0
    intensity_shift: float = 0.0
    cache: str | None = None


@dataclass(frozen=True)
class TrainerSettings:
    """How long and how.

    Attributes:
        steps: Optimizer steps; `null`: 30,000 on a GPU, 1,000 on a CPU.
        learning_rate: Of SGD at the start.
        momentum: Of SGD.
        weight_decay: Of SGD.
        poly_power: Of the polynomial decay.
        validate_every: Steps between validations on clean validation cases; `null`: a tenth of the run; 0:
            never.
        checkpoint_every: Steps between checkpoints; `null`: a twentieth of the run.
        snapshot_every: Steps between weights that are kept, in snapshots/step-<n>/; `null`: none are.
        log_every: Steps between rows of metrics.csv.
        val_hq: HQ training cases held out where the dataset has no validation split; `null`: a fifth, at
            least one.
        precision: `auto` (bf16 where the processor has it natively), `32` or `bf16`.
        devices: Number of GPUs or CPU processes.
        nodes: Number of machines.
    """

    steps: int | None = None
    learning_rate: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 1e-4
    poly_power: float = 0.9
    validate_every: int | None = None
    checkpoint_every: int | None = None
    snapshot_every: int | None = None
    log_every: int = 10
    val_hq: int | None = None
    precision: Literal["auto", "32", "bf16"] = "auto"
    devices: int = 1
    nodes: int = 1


@dataclass(frozen=True)
class Settings:
    """All settings of a run, checked."""

    method: str
    method_args: dict[str, Any] = field(default_factory=dict)
    network: NetworkSettings = NetworkSettings()
    data: DataSettings = DataSettings()
    trainer: TrainerSettings = TrainerSettings()
    seed: int = 0
    preset: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As stored in `config.yaml`; `resolve` reads it back."""
        content = dataclasses.asdict(self)
        content["method"] = {"name": self.method} | content.pop("method_args")
        plain: dict[str, Any] = _lists(content)
        return plain


_RANGES: dict[str, tuple[float, float]] = {
    "network.filters": (1, math.inf),
    "network.dropout": (0, 1),
    "data.patch": (1, math.inf),
    "data.spacing": (1e-6, math.inf),
    "data.hq_batch": (1, math.inf),
    "data.lq_batch": (1, math.inf),
    "data.foreground_fraction": (0, 1),
    "data.flip_axes": (0, 2),
    "data.rotate_plane": (0, 2),
    "data.intensity_scale": (0, math.inf),
    "data.intensity_shift": (0, math.inf),
    "trainer.steps": (1, math.inf),
    "trainer.learning_rate": (0, math.inf),
    "trainer.momentum": (0, 1),
    "trainer.weight_decay": (0, math.inf),
    "trainer.poly_power": (0, math.inf),
    "trainer.validate_every": (0, math.inf),
    "trainer.checkpoint_every": (1, math.inf),
    "trainer.snapshot_every": (1, math.inf),
    "trainer.log_every": (1, math.inf),
    "trainer.val_hq": (0, math.inf),
    "trainer.devices": (1, math.inf),
    "trainer.nodes": (1, math.inf),
}
"""Smallest and largest value of a setting, or of each of its parts."""

_SECTIONS: dict[str, type] = {"network": NetworkSettings, "data": DataSettings, "trainer": TrainerSettings}


def preset_names() -> list[str]:
    """Names that `--preset` takes."""
    folder = importlib.resources.files("alcseg") / "presets"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def resolve(
    method: str,
    method_class: Callable[..., Any],
    fixed: Mapping[str, Any],
    *,
    preset: str | None = None,
    file: Path | None = None,
    assignments: Sequence[str] = (),
    seed: int = 0,
) -> Settings:
    """Put the settings of a run together.

    Args:
        method: Name of the method.
        method_class: Its class; the constructor's signature is the schema of the `method` section.
        fixed: Arguments the name stands for; they cannot be set otherwise.
        preset: Name of a shipped preset.
        file: YAML file with any of the sections.
        assignments: `section.key=value` strings, later ones win; the value is read as YAML.
        seed: Of the run.

    Returns:
        Checked settings.

    Raises:
        ConfigError: On an unknown key, a wrong type, or a preset that does not exist.
    """
    layers = []
    if preset is not None:
        if preset not in preset_names():
            raise ConfigError(f"--preset: expected one of {', '.join(preset_names())}, got '{preset}'.")
        text = (importlib.resources.files("alcseg") / "presets" / f"{preset}.yaml").read_text(
            encoding="utf-8"
        )
        layers.append(_sections(text, f"preset '{preset}'"))
    if file is not None:
        try:
            layers.append(_sections(file.read_text(encoding="utf-8"), str(file)))
        except OSError as error:
            raise ConfigError(f"--config {file}: {error.strerror}. Check the path.") from None
    layers.append(_assigned(assignments))

    merged: dict[str, dict[str, Any]] = {"method": {}, **{name: {} for name in _SECTIONS}}
    for layer in layers:
        for section, values in layer.items():
            if section == "seed":
                seed = values
            elif section != "preset":
                merged[section] |= values
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
    method_args = check_arguments(
        method_class, merged["method"] | dict(fixed), f"method '{method}'", "method."
    )
    checked = {
        section: schema(**check_arguments(schema, merged[section], f"section '{section}'", f"{section}."))
        for section, schema in _SECTIONS.items()
    }
    _require_ranges(checked)
    return Settings(method=method, method_args=method_args, seed=seed, preset=preset, **checked)


def check_arguments(
    schema: Callable[..., Any], values: Mapping[str, Any], where: str, prefix: str = ""
) -> dict[str, Any]:
    """Check keyword arguments against a signature and fill in its defaults.

    Args:
        schema: A class.
        values: Its keyword arguments.
        where: Names the place in messages.
        prefix: Put before a key in messages.

    Returns:
        All arguments, converted to the types of the signature.

    Raises:
        ConfigError: On an unknown key, with the nearest one, or a value of the wrong type.
    """
    parameters = inspect.signature(schema).parameters
    known = list(parameters)
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
            hint = f"did you mean '{prefix}{near[0]}'?" if near else f"known keys: {', '.join(known)}."
            raise ConfigError(f"unknown key '{prefix}{key}' for {where}; {hint}")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(schema, as_positional=False)
    worded = {  # YAML reads the word of `precision=32` as a number
        key: str(value) if _is_word(str(value), parameters[key].annotation) else value
        for key, value in values.items()
    }
    try:
        parsed = parser.parse_object(_lists(worded))
    except jsonargparse.ArgumentError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{where}: {reason}") from None
    return {name: getattr(parsed, name) for name in known}


def _require_ranges(sections: Mapping[str, Any]) -> None:
    for key, (low, high) in _RANGES.items():
        section, _, name = key.partition(".")
        value = getattr(sections[section], name)
        parts = value if isinstance(value, list | tuple) else [value]
        if any(part is not None and not low <= part <= high for part in parts):
            wanted = f"at least {low:g}" if high == math.inf else f"{low:g} to {high:g}"
            raise ConfigError(f"{key}: expected {wanted}, got {_lists(value)}.")


def _sections(text: str, where: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML ({' '.join(str(error).split())}). Correct it.") from None
    if not isinstance(content, dict):
        raise ConfigError(
            f"{where}: expected sections like 'data:' and 'trainer:', got {type(content).__name__}."
        )
    known = ["method", *_SECTIONS, "seed", "preset"]
    for section in content:
        if section not in known:
            near = difflib.get_close_matches(section, known, n=1, cutoff=0.4)
            hint = f"did you mean '{near[0]}'?" if near else f"known sections: {', '.join(known)}."
            raise ConfigError(f"{where}: unknown section '{section}'; {hint}")
    sections = {
        section: {"name": values} if section == "method" and isinstance(values, str) else values
        for section, values in content.items()
        if values is not None
    }
    for section, values in sections.items():
        expected: type = {"seed": int, "preset": str}.get(section, dict)
        if not isinstance(values, expected):
            kind = "keys with values" if expected is dict else expected.__name__
            raise ConfigError(f"{where}: expected {kind} under '{section}:', got {values!r}.")
    return sections


def _assigned(assignments: Sequence[str]) -> dict[str, dict[str, Any]]:
    """`section.key=value` strings as nested settings."""
    sections: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        section, dot, name = key.strip().partition(".")
        known = ["method", *_SECTIONS]
        if not equals or not dot or section not in known:
            near = difflib.get_close_matches(section, known, n=1, cutoff=0.4)
            hint = f" Did you mean '{near[0]}.{name or 'key'}'?" if near else ""
            raise ConfigError(
                f"--set {assignment}: expected SECTION.KEY=VALUE with a section of {', '.join(known)}.{hint}"
            )
        try:
            sections.setdefault(section, {})[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"--set {assignment}: the value is not valid YAML. Quote it.") from None
    return sections


def _is_word(text: str, annotation: Any) -> bool:
    """Whether `text` is one of the words of a `Literal`."""
    return get_origin(annotation) is Literal and text in get_args(annotation)


def _lists(value: Any) -> Any:
    """Tuples as lists, all the way down, as YAML has no tuples."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_lists(item) for item in value]
    return value
