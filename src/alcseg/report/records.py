"""What a benchmark left on disk, as typed records; nothing is computed here.

plan.yaml                          the resolved plan
datasets/<dataset>/                the data, with `given-eval/`: given LQ labels against the clean ones
runs/<dataset>/<row>/seed-<k>/     a run folder with `record.json`, `pred/`, `eval/` and, where the plan
                                   asks for them, `lq-eval/`, `corrected-eval/`, `pseudo_labels.csv`
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alcseg.errors import DataError
from alcseg.report.entries import DatasetEntry, RowEntry, RunEntry, read_yaml
from alcseg.report.scores import Scores
from alcseg.report.values import Values

__all__ = ["Benchmark", "is_benchmark"]


@dataclass(frozen=True)
class Benchmark:
    """All records of a benchmark.

    Attributes:
        path: Its folder.
        plan: The resolved plan.
        datasets: In the plan's order.
        rows: In the plan's order.
        runs: Of the plan that have a record, in the order of datasets, rows and seeds.
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
        plan = read_yaml(path / "plan.yaml")
        try:
            entries = _mapping(plan, "datasets").items()
            datasets = tuple(DatasetEntry.of_plan(path, name, entry or {}) for name, entry in entries)
            rows = tuple(RowEntry.of_plan(entry) for entry in plan.get("rows") or ())
            seeds = _seeds(plan)
        except (AttributeError, TypeError, ValueError) as error:
            raise DataError(
                f"{path / 'plan.yaml'}: expected a plan as `alcseg benchmark` writes it ({error}). "
                "Call `alcseg benchmark` again."
            ) from None
        order = {
            (dataset.name, row.name): (i, j)
            for i, dataset in enumerate(datasets)
            for j, row in enumerate(rows)
        }
        runs = [RunEntry.read(record) for record in sorted(path.glob("runs/*/*/seed-*/record.json"))]
        known = [run for run in runs if (run.dataset, run.row) in order and run.seed in seeds]
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
        return _seeds(self.plan)

    @property
    def reference(self) -> str:
        """Word of the published table to print beside ours; empty for none."""
        return str(self.plan.get("reference") or "")

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
        """The row of that name; else the only one of that method which saw the labels as given."""
        named = [row for row in self.rows if row.name == word]
        same_method = [row for row in self.rows if row.method == word and not row.upper_bound]
        return named[0] if named else same_method[0] if len(same_method) == 1 else None

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
                hq, lq, test = (int(run.record.get(f"{kind}_cases") or 0) for kind in ("hq", "lq", "test"))
                return hq, lq, test
        return 0, 0, 0


def is_benchmark(path: Path) -> bool:
    """Whether `alcseg benchmark` wrote this folder."""
    return (Path(path) / "plan.yaml").is_file()


def _seeds(plan: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(int(seed) for seed in plan.get("seeds") or (0,))


def _mapping(plan: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = plan.get(key) or {}
    if not isinstance(value, dict):
        raise DataError(f"plan.yaml: expected names and settings under '{key}', got {value!r}.")
    return value
