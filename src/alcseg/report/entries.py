"""The datasets, rows and runs of a benchmark, each with what its folder holds; read when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from alcseg.errors import DataError
from alcseg.files import read_json
from alcseg.report.pseudo_labels import PseudoLabel, read_pseudo_labels
from alcseg.report.scores import Scores, read_scores

__all__ = ["DatasetEntry", "RowEntry", "RunEntry", "read_yaml"]


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset of a plan.

    Attributes:
        name: Of its folder.
        title: As a table shows it.
        path: Dataset folder.
        hq_percent: Percentage of training cases with trusted labels, where the plan states it.
        preset: Of the runs on it.
        halved: Whether its volumes have half the resolution of the source.
    """

    name: str
    title: str
    path: Path
    hq_percent: float | None
    preset: str = ""
    halved: bool = False

    @classmethod
    def of_plan(cls, root: Path, name: str, entry: Mapping[str, Any]) -> "DatasetEntry":
        """From an entry under `datasets` of the plan of the benchmark in `root`."""
        percent = entry.get("hq_percent")
        return cls(
            name,
            str(entry.get("title") or name),
            root / "datasets" / name,
            None if percent is None else float(percent),
            str(entry.get("preset") or ""),
            bool(entry.get("halve")),
        )

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
        reference: Row of the published table that stands under this one; None: the one of the same name.
    """

    name: str
    title: str
    method: str
    upper_bound: bool = False
    reference: str | None = None

    @classmethod
    def of_plan(cls, entry: str | Mapping[str, Any]) -> "RowEntry":
        """From an entry under `rows` of the plan."""
        values: Mapping[str, Any] = {"row": entry} if isinstance(entry, str) else entry
        name = str(values.get("row") or values.get("method"))
        return cls(
            name,
            str(values.get("title") or name),
            str(values.get("method") or name),
            values.get("labels") == "clean",
            values.get("reference"),
        )


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
        cases = self.record.get("test_cases")
        return _scores(self.path / "eval", cases=int(cases) if cases else None)

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
        resolved = read_yaml(config) if config.is_file() else {}
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
        return read_pseudo_labels(self.path / "pseudo_labels.csv")

    @classmethod
    def read(cls, path: Path) -> "RunEntry":
        """Read a `record.json`; what stands beside it is read when asked for.

        Raises:
            DataError: If it is malformed.
        """
        record = read_json(path)
        try:
            return cls(path.parent, str(record["dataset"]), str(record["row"]), int(record["seed"]), record)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{path}: expected dataset, row and seed of a run, got {error!r}. "
                "Remove the run and call `alcseg benchmark` again."
            ) from None


def _scores(folder: Path, *, cases: int | None = None) -> Scores | None:
    return read_scores(folder, cases=cases) if (folder / "per_case.csv").is_file() else None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file of names and values.

    Raises:
        DataError: If it is malformed.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid YAML ({error}). Repair or replace it.") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected names and values, got {type(content).__name__}. Replace the file.")
    return content
