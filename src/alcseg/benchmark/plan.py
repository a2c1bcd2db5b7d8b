"""What a benchmark runs: datasets, rows and seeds, which together make the runs."""

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from alcseg.benchmark.checks import require_one_of
from alcseg.config import resolve
from alcseg.errors import ConfigError
from alcseg.files import write_text
from alcseg.methods import available_methods
from alcseg.records.settings import RunSettings

__all__ = ["BenchmarkPlan", "DatasetSpec", "EvaluateSpec", "Row", "Run"]


@dataclass(frozen=True)
class DatasetSpec:
    """How a dataset of the benchmark is made from the source.

    Attributes:
        name: Of its folder.
        title: In tables.
        format: Layout of the source, as `alcseg import --format`.
        importing: Further options of `alcseg import`; stands as `import` in the file.
        test_data: The test cases lie in a folder of their own, in the same format.
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
    test_data: bool = False
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

    def resolve(self) -> RunSettings:
        """All settings of the training.

        Raises:
            ConfigError: If method, preset or a setting is unknown or wrong.
        """
        methods = available_methods()
        require_one_of(self.row.method, methods, f"row '{self.row.row}'", "method")
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


def _inline(value: Any) -> str:
    """A value as YAML on one line."""
    return yaml.safe_dump([value], default_flow_style=True, width=10_000, allow_unicode=True).strip()[1:-1]


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
