"""What a benchmark runs: a YAML file of datasets, rows and seeds, checked before anything is computed."""

import dataclasses
import difflib
import importlib.resources
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from alcseg.commands.corrupt import corrupt
from alcseg.commands.import_dataset import import_dataset
from alcseg.config import Settings, check_arguments, resolve
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import ConfigError
from alcseg.files import write_text
from alcseg.inference.sliding_window import WINDOWS
from alcseg.methods import available_methods

__all__ = ["BenchmarkPlan", "DatasetSpec", "EvaluateSpec", "Row", "Run", "plan_names", "read_plan"]

_TITLES = {
    "alc": "ALC",
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
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # of datasets and rows: names of folders


@dataclass(frozen=True)
class DatasetSpec:
    """How a dataset of the benchmark is made from the source.

    Attributes:
        name: Of its folder.
        title: In tables.
        format: Layout of the source, as `alcseg import --format`.
        importing: Further options of `alcseg import`; stands as `import` in the file.
        corrupt: Options of `alcseg corrupt`; None takes the labels as they come.
        halve: Train and score at half the resolution; labels are corrupted before.
        phantoms: Counts of generated cases in place of a source.
        preset: Of the training.
        set: Settings for all rows on this dataset.
        hq_percent: Share of HQ labels that tables name.
    """

    name: str
    title: str = ""
    format: str = "auto"
    importing: dict[str, Any] = field(default_factory=dict)
    corrupt: dict[str, Any] | None = None
    halve: bool = False
    phantoms: dict[str, Any] | None = None
    preset: str | None = None
    set: dict[str, Any] = field(default_factory=dict)
    hq_percent: float | None = None


@dataclass(frozen=True)
class Row:
    """A line of the tables: a method, perhaps with settings of its own.

    Attributes:
        row: Name of its folder.
        title: In tables.
        method: A name that `alcseg methods` lists.
        set: Settings, over those of the plan and the dataset.
        labels: `given`, or `clean` to train on the labels before they were corrupted.
        reference: Row of the published table that stands under this one; None: the one of the same name.
    """

    row: str
    title: str = ""
    method: str = ""
    set: dict[str, Any] = field(default_factory=dict)
    labels: Literal["given", "clean"] = "given"
    reference: str | None = None


@dataclass(frozen=True)
class EvaluateSpec:
    """How the runs are scored.

    Attributes:
        protocol: `mm` or `paper`, as `alcseg evaluate --protocol`.
        window: As `alcseg predict --window`.
        split: `test`, or `val` where a choice is to be made.
    """

    protocol: Literal["mm", "paper"] = "mm"
    window: str = "gaussian"
    split: Literal["test", "val"] = "test"


@dataclass(frozen=True)
class Run:
    """One training with its scores.

    Attributes:
        dataset: On which dataset.
        row: Which line of the tables.
        seed: Of the training.
        common: Settings of the whole plan.
    """

    dataset: DatasetSpec
    row: Row
    seed: int
    common: dict[str, Any]

    @property
    def id(self) -> str:
        """`<dataset>/<row>/seed-<k>`, also the folder below `runs`."""
        return f"{self.dataset.name}/{self.row.row}/seed-{self.seed}"

    @property
    def settings(self) -> dict[str, Any]:
        """What the plan sets, by dotted key."""
        return {**self.common, **self.dataset.set, **self.row.set}

    @property
    def assignments(self) -> list[str]:
        """`settings` as `--set` takes them."""
        return [f"{key}={_inline(value)}" for key, value in self.settings.items()]

    def resolve(self) -> Settings:
        """All settings of the training.

        Raises:
            ConfigError: If method, preset or a setting is unknown or wrong.
        """
        methods = available_methods()
        _require_one_of(self.row.method, methods, f"row '{self.row.row}'", "method")
        try:
            return resolve(
                self.row.method,
                *methods[self.row.method],
                preset=self.dataset.preset,
                assignments=self.assignments,
                seed=self.seed,
            )
        except ConfigError as error:
            raise ConfigError(f"run {self.id}: {error}") from None


@dataclass(frozen=True)
class BenchmarkPlan:
    """A checked plan.

    Attributes:
        title: Of the whole.
        datasets: In the order of the tables.
        rows: In the order of the tables.
        seeds: Each row is trained once per dataset and seed.
        set: Settings for all runs.
        evaluate: How they are scored.
        lq_labels: Also score what the networks say of the LQ training cases.
        correct: Rows whose networks also correct the LQ labels.
        pseudo_labels: Rows whose snapshots are asked for the quality of their pseudo-labels.
        outputs: Tables and figures that `alcseg report` makes.
        reference: Which published values are printed beside ours.
    """

    title: str
    datasets: tuple[DatasetSpec, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...] = (0,)
    set: dict[str, Any] = field(default_factory=dict)
    evaluate: EvaluateSpec = EvaluateSpec()
    lq_labels: bool = False
    correct: tuple[str, ...] = ()
    pseudo_labels: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    reference: str | None = None

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs; the first seed of everything comes first, so that a table fills evenly."""
        return tuple(
            Run(dataset, row, seed, self.set)
            for seed in self.seeds
            for dataset in self.datasets
            for row in self.rows
        )

    def to_dict(self) -> dict[str, Any]:
        """As `read_plan` reads it; nothing is left to defaults."""
        content = _plain(dataclasses.asdict(self))
        datasets = {}
        for entry in content["datasets"]:
            entry["import"] = entry.pop("importing")
            datasets[entry.pop("name")] = entry
        return {**content, "datasets": datasets}

    def write(self, path: Path) -> None:
        """Write `plan.yaml`."""
        write_text(path, yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True))


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
        except OSError as error:
            raise ConfigError(
                f"{name}: expected the name of a plan ({', '.join(plan_names())}) or a YAML file, "
                f"found neither ({error.strerror}).{_nearest(name, plan_names())}"
            ) from None
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not valid YAML ({' '.join(str(error).split())}). Correct it.") from None
    return _checked(_mapping(content, where), where)


def _checked(content: Mapping[str, Any], where: str) -> BenchmarkPlan:
    _require_known(content, [item.name for item in dataclasses.fields(BenchmarkPlan)], where)
    for needed in ("title", "datasets", "rows"):
        if not content.get(needed):
            raise ConfigError(f"{where}: expected the key '{needed}', found none. Add it.")
    datasets = _mapping(content["datasets"], f"{where}: datasets")
    rows = _list(content["rows"], f"{where}: rows")
    found: dict[str, Any] = {
        "title": str(content["title"]),
        "datasets": tuple(_dataset(str(name), entry, where) for name, entry in datasets.items()),
        "rows": tuple(_row(entry, where) for entry in rows),
        "seeds": _seeds(content.get("seeds", [0]), where),
        "set": _settings(content.get("set"), f"{where}: set"),
        "evaluate": _evaluate(content.get("evaluate") or {}, where),
        "lq_labels": bool(content.get("lq_labels", False)),
        "reference": content.get("reference"),
    }
    for key in ("correct", "pseudo_labels", "outputs"):
        found[key] = tuple(str(item) for item in _list(content.get(key) or [], f"{where}: {key}"))
    plan = BenchmarkPlan(**found)
    names = [row.row for row in plan.rows]
    if len(names) != len(set(names)):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"{where}: expected each row once, found '{twice}' twice. Give it a name by 'row'.")
    for key in ("correct", "pseudo_labels"):
        for name in found[key]:
            _require_one_of(name, names, where, key)
    for dataset in plan.datasets:
        clean = [row.row for row in plan.rows if row.labels == "clean"]
        if dataset.corrupt is None and (clean or plan.lq_labels or plan.correct or plan.pseudo_labels):
            raise ConfigError(
                f"{where}: dataset '{dataset.name}' is not corrupted, so its clean labels are unknown. "
                "Add 'corrupt', or leave out rows with labels: clean, lq_labels, correct and pseudo_labels."
            )
    for run in plan.runs[: len(plan.datasets) * len(plan.rows)]:  # other seeds have the same settings
        settings = run.resolve()
        if run.row.row in plan.pseudo_labels and settings.trainer.snapshot_every is None:
            raise ConfigError(
                f"run {run.id}: expected trainer.snapshot_every for its pseudo-labels, found none. Set it."
            )
    return plan


def _dataset(name: str, entry: Any, where: str) -> DatasetSpec:
    where = f"{where}: dataset '{name}'"
    values = dict(_mapping(entry or {}, where))
    _require_folder_name(name, where)
    known = ["import" if item.name == "importing" else item.name for item in dataclasses.fields(DatasetSpec)]
    _require_known(values, [key for key in known if key != "name"], where)
    options = _options(values.pop("import", None), import_dataset, f"{where}, import", without=("format",))
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
    values = {"row": entry, "method": entry} if isinstance(entry, str) else dict(_mapping(entry, where))
    name = str(values.get("row") or values.get("method") or "")
    where = f"{where}: row '{name}'"
    _require_folder_name(name, where)
    _require_known(values, [item.name for item in dataclasses.fields(Row)], where)
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
        **check_arguments(EvaluateSpec, _mapping(entry, where), f"{where}: evaluate", "evaluate.")
    )
    _require_one_of(spec.window, WINDOWS, where, "evaluate.window")
    return spec


def _seeds(entry: Any, where: str) -> tuple[int, ...]:
    seeds = _list(entry, f"{where}: seeds")
    if not seeds or any(not isinstance(seed, int) for seed in seeds) or len(set(seeds)) < len(seeds):
        raise ConfigError(f"{where}: expected different whole numbers under 'seeds:', got {entry!r}.")
    return tuple(seeds)


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
    options = dict(_mapping(entry, where))
    _require_known(options, known, where)
    return options


def _settings(entry: Any, where: str) -> dict[str, Any]:
    """Dotted settings; `resolve` checks them with the method of each row."""
    return {str(key): value for key, value in _mapping(entry or {}, where).items()}


def _mapping(entry: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: expected keys with values, got {entry!r}.")
    return entry


def _list(entry: Any, where: str) -> list[Any]:
    if not isinstance(entry, list | tuple):
        raise ConfigError(f"{where}: expected a list, got {entry!r}.")
    return list(entry)


def _require_known(values: Collection[str], known: Sequence[str], where: str) -> None:
    for key in values:
        if key not in known:
            hint = _nearest(key, known) or f" Known keys: {', '.join(known)}."
            raise ConfigError(f"{where}: unknown key '{key}'.{hint}")


def _require_one_of(word: str, known: Collection[str], where: str, key: str) -> None:
    if word not in known:
        raise ConfigError(
            f"{where}: {key}: expected one of {', '.join(known)}, got '{word}'.{_nearest(word, known)}"
        )


def _require_folder_name(name: str, where: str) -> None:
    if not _WORD.fullmatch(name):
        raise ConfigError(
            f"{where}: expected a name of letters, digits, '.', '_' and '-', since it names a folder."
        )


def _nearest(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.4)
    return f" Did you mean '{near[0]}'?" if near else ""


def _inline(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
