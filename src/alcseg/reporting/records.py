"""What a benchmark left on disk, as typed records; nothing is computed here.

plan.yaml                          the resolved plan
datasets/<dataset>/                the data, with `given-eval/`: given LQ labels against the clean ones
runs/<dataset>/<row>/seed-<k>/     a run folder with `record.json`, `pred/`, `eval/` and, where the plan
                                   asks for them, `lq-eval/`, `corrected-eval/`, `pseudo_labels.csv`
"""

from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np

from alcseg.errors import DataError
from alcseg.evaluation import Evaluation
from alcseg.listing import has_file, list_files
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedRow
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.reporting.entries import DatasetEntry, RunEntry
from alcseg.reporting.values import Values

__all__ = ["Benchmark", "is_benchmark"]


@dataclass(frozen=True)
class Benchmark:
    """All records of a benchmark.

    Attributes:
        path: Its folder.
        plan: The resolved plan.
        datasets: In the plan's order.
        runs: Of the plan that have a record, in the order of datasets, rows and seeds.
    """

    path: Path
    plan: BenchmarkPlan = field(repr=False)
    datasets: tuple[DatasetEntry, ...]
    runs: tuple[RunEntry, ...]

    @classmethod
    def open(cls, path: str | PathLike[str]) -> "Benchmark":
        """Read the records under a folder that `alcseg benchmark` wrote.

        Raises:
            DataError: If it is not one, or a file in it is malformed.
        """
        path = Path(path)
        if not is_benchmark(path):
            raise DataError(
                f"{path}: expected {BenchmarkPlan.NAME} and runs/ of `alcseg benchmark`, found none. "
                "Check the path."
            )
        plan = BenchmarkPlan.read(path)
        datasets = tuple(
            DatasetEntry(name, path / "datasets" / name, spec) for name, spec in plan.datasets.items()
        )
        order = {
            (dataset, row.row): (i, j)
            for i, dataset in enumerate(plan.datasets)
            for j, row in enumerate(plan.rows)
        }
        files = list_files(path / "runs", BenchmarkRecord.NAME, below=3)
        found = [RunEntry(file.parent, BenchmarkRecord.read_file(file)) for file in files]
        known = [run for run in found if run.place in order and run.record.seed in plan.seeds]
        known.sort(key=lambda run: (order[run.place], run.record.seed))
        return cls(path, plan, datasets, tuple(known))

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def rows(self) -> tuple[PlannedRow, ...]:
        """In the plan's order."""
        return self.plan.rows

    @property
    def missing(self) -> tuple[tuple[str, str, int, str], ...]:
        """Dataset, row, seed of each run without result, and why."""
        found = {(*run.place, run.record.seed): run.record for run in self.runs}
        missing = []
        for dataset in self.plan.datasets:
            for row in self.rows:
                for seed in self.plan.seeds:
                    record = found.get((dataset, row.row, seed))
                    if record is None:
                        missing.append((dataset, row.row, seed, "not run"))
                    elif not record.done:
                        missing.append((dataset, row.row, seed, record.error or "failed"))
        return tuple(missing)

    def row(self, word: str) -> PlannedRow | None:
        """The row of that name; else the only one of that method which saw the labels as given."""
        named = [row for row in self.rows if row.row == word]
        same_method = [row for row in self.rows if row.method == word and not row.upper_bound]
        return named[0] if named else same_method[0] if len(same_method) == 1 else None

    def done(self, dataset: str, row: str) -> tuple[RunEntry, ...]:
        """Finished runs of a row that were scored, by seed."""
        return tuple(
            run
            for run in self.runs
            if run.place == (dataset, row) and run.record.done and run.test is not None
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
            scores: Evaluation | None = getattr(run, kind)
            if scores is not None and scores.values.get(metric):
                by_seed[run.record.seed] = scores.by_case(metric)
        cases = sorted(set.intersection(*(set(values) for values in by_seed.values()))) if by_seed else []
        if not cases:
            return None
        array = np.array([[values[case] for case in cases] for values in by_seed.values()])
        return Values(tuple(by_seed), tuple(cases), array)

    def by_row(self, dataset: str, metric: str) -> dict[str, Values]:
        """`values` of the rows that have any, by name, in the plan's order."""
        found = {row.row: self.values(dataset, row.row, metric) for row in self.rows}
        return {name: values for name, values in found.items() if values is not None}

    @property
    def upper_bounds(self) -> set[str]:
        """Names of the rows that never count as best."""
        return {row.row for row in self.rows if row.upper_bound}

    def cases(self, dataset: str) -> tuple[int, int, int]:
        """Number of HQ, LQ and test cases; zeros where no run tells."""
        for run in self.runs:
            if run.record.dataset == dataset and run.record.done:
                return run.record.hq_cases, run.record.lq_cases, run.record.test_cases
        return 0, 0, 0


def is_benchmark(path: Path) -> bool:
    """Whether `alcseg benchmark` wrote this folder."""
    return has_file(BenchmarkPlan.path(path))
