"""`plan.yaml`: what a benchmark runs, the file that a person writes and the resolved one in its folder."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from alcseg.records.base import Document, Record
from alcseg.records.checked import as_lists
from alcseg.types import Protocol, Window
from alcseg.words import did_you_mean

__all__ = ["BenchmarkPlan", "PlannedDataset", "PlannedRow", "PlannedRun", "Scoring"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _folder_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError("expected a name of letters, digits, '.', '_' and '-', since it names a folder")
    return name


def _different(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"expected different whole numbers from 0 on, got {list(seeds)}")
    return seeds


FolderName = Annotated[str, AfterValidator(_folder_name)]
Options = dict[str, Any]
"""Keyword arguments of a function, or settings by dotted key; whoever takes them checks them."""


class _Written(Record, coerce_numbers_to_str=True):
    """What a person writes: an unknown key is refused, and the nearest known one named."""

    OTHERS: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _require_known(cls, content: Any) -> Any:
        if not isinstance(content, Mapping):
            return content
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in content:
            if key not in (*known, *cls.OTHERS):
                hint = did_you_mean(key, known) or f" Known keys: {', '.join(known)}."
                raise ValueError(f"unknown key '{key}'.{hint}")
        # A key without a value is one that was left out.
        return {key: value for key, value in content.items() if value is not None}


class PlannedDataset(_Written):
    """How a dataset of the benchmark is made from the source."""

    title: str = ""
    """In tables."""
    format: str = "auto"
    """Layout of the source, as `alcseg import --format`."""
    importing: Options = Field({}, alias="import")
    """Further options of `alcseg import`."""
    test_data: bool = False
    """The test cases lie in a folder of their own, in the same format."""
    corrupt: Options | None = None
    """Options of `alcseg corrupt`; null takes the labels as they come."""
    halve: bool = False
    """Train and score at half the resolution; labels are corrupted before."""
    phantoms: Options | None = None
    """Counts of generated cases in place of a source."""
    preset: str | None = None
    """Of the training."""
    set: Options = {}
    """Settings for all rows on this dataset."""
    hq_percent: float | None = None
    """Share of HQ labels that tables name."""


class PlannedRow(_Written):
    """A line of the tables: a method, perhaps with settings of its own."""

    row: FolderName
    """Name of its folder."""
    title: str = ""
    """In tables."""
    method: str
    """A name that `alcseg methods` lists."""
    set: Options = {}
    """Settings, over those of the plan and the dataset."""
    labels: Literal["given", "clean"] = "given"
    """`given`, or `clean` to train on the labels before they were corrupted."""
    init: str | None = None
    """Row whose run, on the same dataset with the same seed, gives the weights to begin with."""
    reference: str | None = None
    """Row of the published table that stands under this one; null: the one of the same name."""

    @model_validator(mode="before")
    @classmethod
    def _name(cls, content: Any) -> Any:
        """A word alone is a method; row and method are each other's default."""
        if isinstance(content, str):
            content = {"row": content}
        if not isinstance(content, Mapping):
            return content
        name = content.get("row") or content.get("method") or ""
        return {**content, "row": name, "method": content.get("method") or name}

    @property
    def upper_bound(self) -> bool:
        """Trained on clean labels only, which the others do not have; it never counts as best."""
        return self.labels == "clean"


class Scoring(_Written):
    """How the runs are scored."""

    protocol: Protocol = "mm"
    """As `alcseg evaluate --protocol`."""
    window: Window = "gaussian"
    """As `alcseg predict --window`."""
    split: Literal["test", "val"] = "test"
    """`test`, or `val` where a choice is to be made."""


class PlannedRun(Record):
    """One training with its scores."""

    dataset: str
    """Name of the dataset."""
    spec: PlannedDataset
    """The dataset."""
    row: PlannedRow
    """Which line of the tables."""
    seed: int
    """Of the training."""
    common: Options
    """Settings of the whole plan."""

    @property
    def id(self) -> str:
        """`<dataset>/<row>/seed-<k>`, also the folder below `runs`."""
        return f"{self.dataset}/{self.row.row}/seed-{self.seed}"

    @property
    def settings(self) -> Options:
        """What the plan sets, by dotted key."""
        return {**self.common, **self.spec.set, **self.row.set}


class BenchmarkPlan(_Written, Document):
    """A plan; in the folder of a benchmark nothing of it is left to defaults."""

    NAME = "plan.yaml"
    MADE_BY = "`alcseg benchmark`"
    OTHERS = ("format",)

    title: str = Field(min_length=1)
    """Of the whole."""
    datasets: dict[FolderName, PlannedDataset] = Field(min_length=1)
    """By name, in the order of the tables."""
    rows: tuple[PlannedRow, ...] = Field(min_length=1)
    """In the order of the tables."""
    seeds: Annotated[tuple[int, ...], AfterValidator(_different)] = (0,)
    """Each row is trained once per dataset and seed."""
    set: Options = {}
    """Settings for all runs."""
    evaluate: Scoring = Scoring()
    """How they are scored."""
    lq_labels: bool = False
    """Also score what the networks say of the LQ training cases."""
    correct: tuple[str, ...] = ()
    """Rows whose networks also correct the LQ labels."""
    pseudo_labels: tuple[str, ...] = ()
    """Rows whose snapshots are asked for the quality of their pseudo-labels."""
    reference: str | None = None
    """Which published values are printed beside ours."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, content: Any) -> Any:
        """A dataset without a title has its name, one without anything all defaults."""
        if not isinstance(content, Mapping) or not isinstance(content.get("datasets"), Mapping):
            return content
        datasets = {
            str(name): {"title": str(name)}
            | {key: value for key, value in entry.items() if value is not None}
            if isinstance(entry := spec or {}, Mapping)
            else spec
            for name, spec in content["datasets"].items()
        }
        return {**content, "datasets": datasets}

    @model_validator(mode="after")
    def _require_consistent(self) -> "BenchmarkPlan":
        """Refuse what no single entry shows to be wrong."""
        names = [row.row for row in self.rows]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"expected each row once, found '{twice}' twice. Give it a name by 'row'.")
        for row in self.rows:
            begins = [other for other in self.rows if other.row == row.init]
            if row.init is not None and (not begins or begins[0].init is not None):
                raise ValueError(
                    f"row '{row.row}': init: expected another row that begins with fresh weights, got "
                    f"'{row.init}'."
                )
        for key, chosen in (("correct", self.correct), ("pseudo_labels", self.pseudo_labels)):
            for name in chosen:
                if name not in names:
                    hint = did_you_mean(name, names)
                    raise ValueError(f"{key}: expected one of {', '.join(names)}, got '{name}'.{hint}")
        clean = (
            any(row.upper_bound for row in self.rows) or self.lq_labels or self.correct or self.pseudo_labels
        )
        for name, spec in self.datasets.items():
            if spec.corrupt is None and clean:
                raise ValueError(
                    f"dataset '{name}' is not corrupted, so its clean labels are unknown. Add 'corrupt', or "
                    "leave out rows with labels: clean, lq_labels, correct and pseudo_labels."
                )
            if spec.phantoms is not None and (spec.importing or spec.test_data):
                raise ValueError(
                    f"dataset '{name}' is generated ('phantoms'), so nothing is imported. "
                    "Leave out 'import' and 'test_data', or 'phantoms'."
                )
        return self

    @property
    def runs(self) -> tuple[PlannedRun, ...]:
        """All runs; the first seed of everything comes first, so that a table fills evenly."""
        return tuple(
            PlannedRun(dataset=name, spec=spec, row=row, seed=seed, common=self.set)
            for seed in self.seeds
            for name, spec in self.datasets.items()
            for row in self.rows
        )

    def only_datasets(self, names: Collection[str]) -> "BenchmarkPlan":
        """The plan with these datasets alone."""
        kept = {name: spec for name, spec in self.datasets.items() if name in names}
        return self.model_copy(update={"datasets": kept})

    def content(self) -> dict[str, Any]:
        """With keys of options as they were given: JSON would make words of the numbers in a label map."""
        found: dict[str, Any] = as_lists(self.model_dump(by_alias=True))
        return {"format": self.FORMAT} | found
