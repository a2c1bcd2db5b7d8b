"""Plans, shipped or one's own: read, and checked against methods and verbs before anything is computed."""

import importlib.resources
import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from os import PathLike
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from alcseg.commands.corrupt import corrupt
from alcseg.commands.import_dataset import import_dataset
from alcseg.config import parse_yaml, resolve, shipped
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import ConfigError, UsageError
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedDataset, PlannedRun
from alcseg.records.settings import RunSettings
from alcseg.reproduction.paper import PAPER_TABLES
from alcseg.words import did_you_mean

__all__ = ["assignments", "choose_runs", "plan_names", "read_plan", "resolve_run"]

_TITLES = {
    "alc": "ALC",
    "alc_aligned": "ALC aligned",
    "alc_wo_lr": "ALC w/o LR",
    "alc_wo_ls": "ALC w/o LS",
    "decoupled": "Decoupled",
    "h_sup": "H-Sup",
    "hl_sup": "HL-Sup",
    "kdem": "KDEM",
    "mean_teacher": "Mean Teacher",
    "mixsegnet": "MixSegNet",
    "ms_tfal": "MS-TFAL",
    "mtcl_fs": "MTCL-FS",
    "mtcl_hard": "MTCL-Hard",
    "mtcl_uds": "MTCL-UDS",
    "pick_and_learn": "Pick-and-Learn",
    "tbrats": "TBraTS",
    "trinet": "TriNet",
    "two_stage_rnt": "2SRnT",
}
_NOT_IMPORTED = ("format", "test_source")
"""Options of `alcseg import` that a plan states elsewhere or has no use for."""
_WANTED = {
    "bool": "true or false",
    "dict": "keys with values",
    "float": "a number",
    "int": "a whole number",
    "model": "keys with values",
    "string": "text",
    "tuple": "a list",
}
"""By the first word of pydantic's name of an error."""


def plan_names() -> list[str]:
    """Names of the shipped plans."""
    return shipped("plans")


def read_plan(plan: str | PathLike[str]) -> BenchmarkPlan:
    """Read a shipped plan by its name, or a file, and check every method and setting in it.

    Raises:
        ConfigError: If there is no such plan, or a key, method or setting in it is unknown or wrong.
    """
    name = os.fspath(plan)
    where = f"plan '{name}'" if name in plan_names() else name
    content = parse_yaml(_text(name), where)
    if not isinstance(content, Mapping):
        raise ConfigError(f"{where}: expected keys with values, got {content!r}.")
    try:
        checked = BenchmarkPlan.model_validate(content)
    except ValidationError as error:
        raise _refusal(error, content, where) from None
    checked = checked.model_copy(
        update={
            "rows": tuple(
                row.model_copy(update={"title": row.title or _TITLES.get(row.method, row.method)})
                for row in checked.rows
            )
        }
    )
    _require_usable(checked, where)
    return checked


def choose_runs(plan: BenchmarkPlan, patterns: Sequence[str]) -> tuple[PlannedRun, ...]:
    """The runs that match, in the order of the patterns; all where there is none.

    Args:
        plan: Read and checked.
        patterns: `<dataset>/<row>/seed-<k>`, with `*` and `?` as in a shell.

    Raises:
        UsageError: If a pattern matches no run.
    """
    if not patterns:
        return plan.runs
    chosen: dict[str, PlannedRun] = {}
    for pattern in patterns:
        matching = {run.id: run for run in plan.runs if fnmatchcase(run.id, pattern)}
        if not matching:
            hint = did_you_mean(pattern, [run.id for run in plan.runs])
            raise UsageError(
                f"--runs {pattern}: expected the name of a run such as '{plan.runs[0].id}' or '*/"
                f"{plan.rows[0].row}/*', found none that matches.{hint} --dry-run lists them."
            )
        chosen |= matching  # one that is known keeps its place
    return tuple(chosen.values())


def assignments(run: PlannedRun) -> list[str]:
    """Its settings as `--set` takes them."""
    return [f"{key}={_inline(value)}" for key, value in run.settings.items()]


def resolve_run(run: PlannedRun) -> RunSettings:
    """All settings of a training.

    Raises:
        ConfigError: If method, preset or a setting is unknown or wrong.
    """
    try:
        return resolve(run.row.method, preset=run.spec.preset, assignments=assignments(run), seed=run.seed)
    except ConfigError as error:
        raise ConfigError(f"run {run.id}: {error}") from None


def _text(name: str) -> str:
    try:
        if name in plan_names():
            return (importlib.resources.files("alcseg") / "plans" / f"{name}.yaml").read_text("utf-8")
        return Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(
            f"{name}: expected a plan in YAML, found what is not text. Check the path."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{name}: expected the name of a plan ({', '.join(plan_names())}) or a YAML file, "
            f"found neither ({error.strerror}).{did_you_mean(name, plan_names())}"
        ) from None


def _refusal(error: ValidationError, content: Mapping[str, Any], where: str) -> ConfigError:
    """What is wrong first: the place, what was expected there, what was found."""
    first = error.errors(include_url=False)[0]
    kind, loc, found = first["type"], first["loc"], first["input"]
    if kind in ("missing", "too_short", "string_too_short"):
        *loc_above, key = loc
        return ConfigError(
            f"{_place(loc_above, content, where)}: expected the key '{key}', found none. Add it."
        )
    place = _place(loc, content, where)
    if kind == "value_error":
        return ConfigError(f"{place}: {str(first['ctx']['error']).removesuffix('.')}.")
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return ConfigError(
            f"{place}: expected one of {', '.join(words)}, got {found!r}.{did_you_mean(str(found), words)}"
        )
    wanted = _WANTED.get(kind.partition("_")[0], first["msg"])
    return ConfigError(f"{place}: expected {wanted}, got {found!r}.")


def _place(loc: Sequence[int | str], content: Mapping[str, Any], where: str) -> str:
    """`my.yaml: dataset 'la', corrupt` or `my.yaml: row 'alc'`."""
    words = [str(word) for word in loc if word != "[key]"]
    if len(loc) > 1 and loc[0] == "datasets":
        words[:2] = [f"dataset '{loc[1]}'"]
    if len(loc) > 1 and loc[0] == "rows":
        entry = content["rows"][loc[1]]
        name = entry.get("row") or entry.get("method") if isinstance(entry, Mapping) else entry
        words[:2] = [f"row '{name}'"]
    if words[:1] == ["evaluate"]:
        words = [".".join(words)]
    return ": ".join([where, *([", ".join(words)] if words else [])])


def _require_usable(plan: BenchmarkPlan, where: str) -> None:
    """Refuse options and settings that verbs and methods do not take."""
    if plan.reference is not None and plan.reference not in PAPER_TABLES:
        raise ConfigError(
            f"{where}: reference: expected one of {', '.join(PAPER_TABLES)}, got '{plan.reference}'."
            f"{did_you_mean(plan.reference, PAPER_TABLES)}"
        )
    for name, spec in plan.datasets.items():
        _require_options(spec, f"{where}: dataset '{name}'")
    for run in plan.runs[: len(plan.datasets) * len(plan.rows)]:  # other seeds have the same settings
        settings = resolve_run(run)
        if run.row.row in plan.pseudo_labels and settings.trainer.snapshot_every is None:
            raise ConfigError(
                f"run {run.id}: expected trainer.snapshot_every for its pseudo-labels, found none. Set it."
            )


def _require_options(spec: PlannedDataset, where: str) -> None:
    """Refuse what is no keyword of the verb; values are checked by the verb itself."""
    verbs: tuple[tuple[str, Mapping[str, Any] | None, Callable[..., Any], tuple[str, ...]], ...] = (
        ("import", spec.importing, import_dataset, _NOT_IMPORTED),
        ("corrupt", spec.corrupt, corrupt, ("workers",)),
        ("phantoms", spec.phantoms, write_phantoms, ()),
    )
    for key, options, verb, without in verbs:
        known = [
            name
            for name, parameter in inspect.signature(verb).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name not in ("overwrite", *without)
        ]
        for name in options or ():
            if name not in known:
                hint = did_you_mean(name, known) or f" Known keys: {', '.join(known)}."
                raise ConfigError(f"{where}, {key}: unknown key '{name}'.{hint}")


def _inline(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]
