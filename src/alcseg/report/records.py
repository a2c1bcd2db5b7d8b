"""What a benchmark left on disk, as typed records; nothing is computed here.

plan.yaml                          the resolved plan
datasets/<dataset>/                the data, with `given-eval/`: given LQ labels against the clean ones
runs/<dataset>/<row>/seed-<k>/     a run folder with `record.json`, `pred/`, `eval/` and, where the plan
                                   asks for them, `lq-eval/`, `corrected-eval/`, `pseudo_labels.csv`
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from alcseg.errors import DataError
from alcseg.files import read_json
from alcseg.report.scores import Scores, read_scores
from alcseg.types import FloatArray

__all__ = ["Benchmark", "DatasetEntry", "PseudoLabel", "RowEntry", "RunEntry", "Values", "is_benchmark"]


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset of a plan.

    Attributes:
        name: Of its folder.
        title: As a table shows it.
        path: Dataset folder.
        hq_percent: Percentage of training cases with trusted labels, where the plan states it.
        preset: Of the runs on it.
    """

    name: str
    title: str
    path: Path
    hq_percent: float | None
    preset: str

    @cached_property
    def given(self) -> Scores | None:
        """Given LQ labels against the clean ones."""
        return _scores(self.path / "given-eval")


@dataclass(frozen=True)
class RowEntry:
    """One row of a plan.

    Attributes:
        name: Of its folder.
        title: As a table shows it.
        method: As `alcseg methods` lists it.
        upper_bound: Trained on clean labels only, which the others do not have; it never counts as best.
    """

    name: str
    title: str
    method: str
    upper_bound: bool


@dataclass(frozen=True)
class PseudoLabel:
    """Quality of the labels of one LQ patch at one step, Dice against the clean label."""

    step: int
    selected: bool
    given: float
    generated: float
    refined: float


@dataclass(frozen=True)
class Values:
    """One number per seed and case.

    Attributes:
        seeds: Of the runs, rising.
        cases: That all these runs were scored on, by name.
        array: `(seeds, cases)`.
    """

    seeds: tuple[int, ...]
    cases: tuple[str, ...]
    array: FloatArray

    def minus(self, other: "Values") -> "Values | None":
        """Difference over the seeds and cases that both have; None if there are none."""
        seeds = tuple(seed for seed in self.seeds if seed in other.seeds)
        cases = tuple(case for case in self.cases if case in other.cases)
        if not seeds or not cases:
            return None
        return Values(seeds, cases, self._part(seeds, cases) - other._part(seeds, cases))

    def _part(self, seeds: tuple[int, ...], cases: tuple[str, ...]) -> FloatArray:
        rows, columns = [self.seeds.index(seed) for seed in seeds], [self.cases.index(case) for case in cases]
        part: FloatArray = self.array[np.ix_(rows, columns)]
        return part


@dataclass(frozen=True)
class RunEntry:
    """One run.

    Attributes:
        path: Run folder.
        dataset: Name of the dataset.
        row: Name of the row.
        seed: Of the run.
        record: Content of `record.json`.
    """

    path: Path
    dataset: str
    row: str
    seed: int
    record: Mapping[str, Any] = field(repr=False)

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.record.get("status") == "done"

    @cached_property
    def test(self) -> Scores | None:
        """Scores on the test cases."""
        return _scores(self.path / "eval")

    @cached_property
    def lq(self) -> Scores | None:
        """What the network says of the LQ training images, against the clean labels."""
        return _scores(self.path / "lq-eval")

    @cached_property
    def corrected(self) -> Scores | None:
        """Corrected LQ labels against the clean ones."""
        return _scores(self.path / "corrected-eval")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting of the run by its dotted name; without `config.yaml` those that the row sets."""
        config = self.path / "config.yaml"
        resolved = _read_yaml(config) if config.is_file() else {}
        flat = {
            f"{section}.{name}": value
            for section, entries in resolved.items()
            if isinstance(entries, dict)
            for name, value in entries.items()
        }
        return flat | dict(self.record.get("settings") or {})

    @cached_property
    def pseudo_labels(self) -> tuple[PseudoLabel, ...]:
        """Quality of pseudo-labels over the training; empty where it was not recorded."""
        path = self.path / "pseudo_labels.csv"
        if not path.is_file():
            return ()
        with path.open(newline="", encoding="utf-8") as stream:
            try:
                return tuple(
                    PseudoLabel(
                        int(row["step"]),
                        row["selected"].strip().lower() in ("1", "true", "yes"),
                        *(float(row[f"dice_{kind}"] or "nan") for kind in ("given", "generated", "refined")),
                    )
                    for row in csv.DictReader(stream)
                )
            except (KeyError, ValueError) as error:
                raise DataError(
                    f"{path}: expected step, selected, dice_given, dice_generated and dice_refined, "
                    f"got {error!r}. Restore the file or train the run again."
                ) from None


@dataclass(frozen=True)
class Benchmark:
    """All records of a benchmark.

    Attributes:
        path: Its folder.
        plan: The resolved plan.
        datasets: In the plan's order.
        rows: In the plan's order.
        runs: That have a record, in the order of datasets, rows and seeds.
    """

    path: Path
    plan: Mapping[str, Any] = field(repr=False)
    datasets: tuple[DatasetEntry, ...]
    rows: tuple[RowEntry, ...]
    runs: tuple[RunEntry, ...]

    @classmethod
    def open(cls, path: Path) -> "Benchmark":
        """Read the records under a folder that `alcseg benchmark` wrote.

        Raises:
            DataError: If it is not one, or a file in it is malformed.
        """
        path = Path(path)
        if not is_benchmark(path):
            raise DataError(
                f"{path}: expected plan.yaml and runs/ of `alcseg benchmark`, found none. Check the path."
            )
        plan = _read_yaml(path / "plan.yaml")
        datasets = tuple(_dataset(path, name, entry) for name, entry in _mapping(plan, "datasets").items())
        rows = tuple(_row(entry) for entry in plan.get("rows") or ())
        order = {
            (dataset.name, row.name): (i, j)
            for i, dataset in enumerate(datasets)
            for j, row in enumerate(rows)
        }
        runs = [_run(record) for record in sorted(path.glob("runs/*/*/seed-*/record.json"))]
        known = [run for run in runs if (run.dataset, run.row) in order]
        known.sort(key=lambda run: (order[run.dataset, run.row], run.seed))
        return cls(path, plan, datasets, rows, tuple(known))

    @property
    def title(self) -> str:
        """Of the plan."""
        return str(self.plan.get("title") or self.path.name)

    @property
    def split(self) -> str:
        """Which cases the runs were scored on."""
        return str(_mapping(self.plan, "evaluate").get("split") or "test")

    @property
    def seeds(self) -> tuple[int, ...]:
        """That the plan asks for."""
        return tuple(int(seed) for seed in self.plan.get("seeds") or (0,))

    @property
    def missing(self) -> tuple[tuple[str, str, int, str], ...]:
        """Dataset, row, seed of each run without result, and why."""
        found = {(run.dataset, run.row, run.seed): run for run in self.runs}
        missing = []
        for dataset in self.datasets:
            for row in self.rows:
                for seed in self.seeds:
                    run = found.get((dataset.name, row.name, seed))
                    if run is None:
                        missing.append((dataset.name, row.name, seed, "not run"))
                    elif not run.done:
                        missing.append(
                            (dataset.name, row.name, seed, str(run.record.get("error") or "failed"))
                        )
        return tuple(missing)

    def row(self, word: str) -> RowEntry | None:
        """The row of that name; else the first of that method, if it saw the labels as given."""
        named = [row for row in self.rows if row.name == word]
        same_method = [row for row in self.rows if row.method == word and not row.upper_bound]
        return next(iter(named + same_method), None)

    def done(self, dataset: str, row: str) -> tuple[RunEntry, ...]:
        """Finished runs of a row that were scored, by seed."""
        return tuple(
            run
            for run in self.runs
            if (run.dataset, run.row) == (dataset, row) and run.done and run.test is not None
        )

    def values(self, dataset: str, row: str, metric: str, kind: str = "test") -> Values | None:
        """A metric by seed and case, mean over the classes; None if there is nothing.

        Args:
            dataset: Name of the dataset.
            row: Name of the row.
            metric: As `alcseg evaluate` calls it.
            kind: Which evaluation: `test`, `lq` or `corrected`.
        """
        by_seed = {}
        for run in self.done(dataset, row):
            scores: Scores | None = getattr(run, kind)
            if scores is not None and metric in scores.values:
                by_seed[run.seed] = scores.by_case(metric)
        cases = sorted(set.intersection(*(set(values) for values in by_seed.values()))) if by_seed else []
        if not cases:
            return None
        array = np.array([[values[case] for case in cases] for values in by_seed.values()])
        return Values(tuple(by_seed), tuple(cases), array)

    def cases(self, dataset: str) -> tuple[int, int, int]:
        """Number of HQ, LQ and test cases; zeros where no run tells."""
        for run in self.runs:
            if run.dataset == dataset and run.done:
                hq, lq, test = (_count(run.record.get(f"{kind}_cases")) for kind in ("hq", "lq", "test"))
                return hq, lq, test
        return 0, 0, 0


def is_benchmark(path: Path) -> bool:
    """Whether `alcseg benchmark` wrote this folder."""
    return (Path(path) / "plan.yaml").is_file()


def _run(path: Path) -> RunEntry:
    record = read_json(path)
    try:
        return RunEntry(path.parent, str(record["dataset"]), str(record["row"]), int(record["seed"]), record)
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: expected dataset, row and seed of a run, got {error!r}. Remove the run and repeat it."
        ) from None


def _dataset(root: Path, name: str, entry: Mapping[str, Any]) -> DatasetEntry:
    percent = entry.get("hq_percent")
    return DatasetEntry(
        name,
        str(entry.get("title") or name),
        root / "datasets" / name,
        None if percent is None else float(percent),
        str(entry.get("preset") or ""),
    )


def _row(entry: str | Mapping[str, Any]) -> RowEntry:
    values: Mapping[str, Any] = {"row": entry} if isinstance(entry, str) else entry
    name = str(values.get("row") or values.get("method"))
    return RowEntry(
        name,
        str(values.get("title") or name),
        str(values.get("method") or name),
        upper_bound=values.get("labels") == "clean",
    )


def _scores(folder: Path) -> Scores | None:
    return read_scores(folder) if (folder / "per_case.csv").is_file() else None


def _count(value: Any) -> int:
    """A number of cases, which a record may also list by name."""
    return len(value) if isinstance(value, list) else int(value or 0)


def _mapping(plan: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = plan.get(key) or {}
    if not isinstance(value, dict):
        raise DataError(f"plan.yaml: expected names and settings under '{key}', got {value!r}.")
    return value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid YAML ({error}). Repair or replace it.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected names and values, got {type(content).__name__}. Replace the file.")
    return content
