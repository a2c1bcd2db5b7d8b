"""A plan file, shipped or one's own, read and checked before anything is computed."""

import dataclasses
import importlib.resources
import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from alcseg.benchmark.checks import (
    as_list,
    as_mapping,
    nearest,
    require_folder_name,
    require_known,
    require_one_of,
)
from alcseg.benchmark.plan import BenchmarkPlan, DatasetSpec, EvaluateSpec, Row
from alcseg.commands.corrupt import corrupt
from alcseg.commands.import_dataset import import_dataset
from alcseg.config import check_arguments
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import ConfigError
from alcseg.inference.sliding_window import WINDOWS
from alcseg.report.paper import PAPER_TABLES

__all__ = ["plan_names", "read_plan"]

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


def plan_names() -> list[str]:
    """Names of the shipped plans."""
    folder = importlib.resources.files("alcseg") / "plans"
    return sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_plan(plan: str | Path) -> BenchmarkPlan:
    """Read a shipped plan by its name, or a file, and check every method and setting in it.

    Raises:
        ConfigError: If there is no such plan, or a key, method or setting in it is unknown or wrong.
    """
    name = str(plan)
    if name in plan_names():
        where = f"plan '{name}'"
        text = (importlib.resources.files("alcseg") / "plans" / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        where = name
        try:
            text = Path(plan).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ConfigError(
                f"{where}: expected a plan in YAML, found what is not text. Check the path."
            ) from None
        except OSError as error:
            raise ConfigError(
                f"{name}: expected the name of a plan ({', '.join(plan_names())}) or a YAML file, "
                f"found neither ({error.strerror}).{nearest(name, plan_names())}"
            ) from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML ({' '.join(str(error).split())}). Correct it.") from None
    return _checked(as_mapping(content, where), where)


def _checked(content: Mapping[str, Any], where: str) -> BenchmarkPlan:
    require_known(content, [item.name for item in dataclasses.fields(BenchmarkPlan)], where)
    for needed in ("title", "datasets", "rows"):
        if not content.get(needed):
            raise ConfigError(f"{where}: expected the key '{needed}', found none. Add it.")
    datasets = as_mapping(content["datasets"], f"{where}: datasets")
    rows = as_list(content["rows"], f"{where}: rows")
    found: dict[str, Any] = {
        "title": str(content["title"]),
        "datasets": tuple(_dataset(str(name), entry, where) for name, entry in datasets.items()),
        "rows": tuple(_row(entry, where) for entry in rows),
        "seeds": _seeds(content.get("seeds", [0]), where),
        "set": _settings(content.get("set"), f"{where}: set"),
        "evaluate": _evaluate(content.get("evaluate") or {}, where),
        "lq_labels": _yes_or_no(content.get("lq_labels", False), f"{where}: lq_labels"),
        "reference": content.get("reference"),
    }
    for key in ("correct", "pseudo_labels"):
        found[key] = tuple(str(item) for item in as_list(content.get(key) or [], f"{where}: {key}"))
    plan = BenchmarkPlan(**found)
    _require_consistent(plan, where)
    return plan


def _require_consistent(plan: BenchmarkPlan, where: str) -> None:
    """Refuse what no single entry shows to be wrong."""
    names = [row.row for row in plan.rows]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{where}: expected each row once, found '{twice}' twice. Give it a name by 'row'.")
    for key, rows in (("correct", plan.correct), ("pseudo_labels", plan.pseudo_labels)):
        for name in rows:
            require_one_of(name, names, where, key)
    if plan.reference is not None:
        require_one_of(plan.reference, PAPER_TABLES, where, "reference")
    clean = [row.row for row in plan.rows if row.labels == "clean"]
    for dataset in plan.datasets:
        if dataset.corrupt is None and (clean or plan.lq_labels or plan.correct or plan.pseudo_labels):
            raise ConfigError(
                f"{where}: dataset '{dataset.name}' is not corrupted, so its clean labels are unknown. "
                "Add 'corrupt', or leave out rows with labels: clean, lq_labels, correct and pseudo_labels."
            )
        if dataset.phantoms is not None and (dataset.importing or dataset.test_data):
            raise ConfigError(
                f"{where}: dataset '{dataset.name}' is generated ('phantoms'), so nothing is imported. "
                "Leave out 'import' and 'test_data', or 'phantoms'."
            )
    for run in plan.runs[: len(plan.datasets) * len(plan.rows)]:  # other seeds have the same settings
        settings = run.resolve()
        if run.row.row in plan.pseudo_labels and settings.trainer.snapshot_every is None:
            raise ConfigError(
                f"run {run.id}: expected trainer.snapshot_every for its pseudo-labels, found none. Set it."
            )


def _dataset(name: str, entry: Any, where: str) -> DatasetSpec:
    where = f"{where}: dataset '{name}'"
    values = dict(as_mapping(entry or {}, where))
    require_folder_name(name, where)
    known = ["import" if item.name == "importing" else item.name for item in dataclasses.fields(DatasetSpec)]
    require_known(values, [key for key in known if key != "name"], where)
    options = _options(values.pop("import", None), import_dataset, f"{where}, import", without=_NOT_IMPORTED)
    corruption = values.pop("corrupt", None)
    phantoms = values.pop("phantoms", None)
    return DatasetSpec(
        **check_arguments(
            DatasetSpec,
            values
            | {
                "name": name,
                "title": str(values.get("title") or name),
                "importing": options or {},
                "corrupt": _options(corruption, corrupt, f"{where}, corrupt", without=("workers",)),
                "phantoms": _options(phantoms, write_phantoms, f"{where}, phantoms"),
                "set": _settings(values.get("set"), f"{where}, set"),
            },
            where,
        )
    )


def _row(entry: Any, where: str) -> Row:
    values = {"row": entry, "method": entry} if isinstance(entry, str) else dict(as_mapping(entry, where))
    name = str(values.get("row") or values.get("method") or "")
    where = f"{where}: row '{name}'"
    require_folder_name(name, where)
    require_known(values, [item.name for item in dataclasses.fields(Row)], where)
    method = str(values.get("method") or name)
    filled = {
        "row": name,
        "method": method,
        "title": str(values.get("title") or _TITLES.get(method, method)),
        "set": _settings(values.get("set"), f"{where}, set"),
    }
    return Row(**check_arguments(Row, values | filled, where))


def _evaluate(entry: Any, where: str) -> EvaluateSpec:
    spec = EvaluateSpec(
        **check_arguments(EvaluateSpec, as_mapping(entry, where), f"{where}: evaluate", "evaluate.")
    )
    require_one_of(spec.window, WINDOWS, where, "evaluate.window")
    return spec


def _seeds(entry: Any, where: str) -> tuple[int, ...]:
    seeds = as_list(entry, f"{where}: seeds")
    if not seeds or any(not isinstance(seed, int) for seed in seeds) or len(set(seeds)) < len(seeds):
        raise ConfigError(f"{where}: expected different whole numbers under 'seeds:', got {entry!r}.")
    return tuple(seeds)


def _yes_or_no(entry: Any, where: str) -> bool:
    if not isinstance(entry, bool):
        raise ConfigError(f"{where}: expected true or false, got {entry!r}.")
    return entry


def _options(
    entry: Any, function: Callable[..., Any], where: str, *, without: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Keyword arguments of a verb; their values are checked by the verb itself."""
    if entry is None:
        return None
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in ("overwrite", *without)
    ]
    options = dict(as_mapping(entry, where))
    require_known(options, known, where)
    return options


def _settings(entry: Any, where: str) -> dict[str, Any]:
    """Dotted settings; `resolve` checks them with the method of each row."""
    return {str(key): value for key, value in as_mapping(entry or {}, where).items()}
