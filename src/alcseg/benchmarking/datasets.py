"""The datasets of a benchmark, each imported and corrupted once; every run reads the same folders."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcseg.commands.corrupt import corrupt
from alcseg.commands.evaluate import evaluate
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import Dataset
from alcseg.data.halving import halve_dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import ConfigError, DataError, UsageError
from alcseg.listing import has_file
from alcseg.records.benchmark_plan import BenchmarkPlan, PlannedDataset, PlannedRow
from alcseg.records.dataset_recipe import DatasetRecipe
from alcseg.records.summary import EvaluationSummary

__all__ = ["DatasetPaths", "check_source", "make_datasets", "paths_of"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatasetPaths:
    """Where a dataset of a benchmark lies.

    Attributes:
        out: Folder of the benchmark.
        name: Of the dataset.
        spec: How it is made.
    """

    out: Path
    name: str
    spec: PlannedDataset

    @property
    def recipe(self) -> DatasetRecipe:
        """What decides on the dataset."""
        return DatasetRecipe.of(self.spec)

    @property
    def given(self) -> Path:
        """The dataset as the methods see it."""
        return self.out / "datasets" / self.name

    @property
    def imported(self) -> Path:
        """The source as a dataset folder; several corrupted datasets may share it."""
        if self.spec.corrupt is None:
            return self.given
        return self.out / "datasets" / f".imported-{self.recipe.digest(of_source=True)}"

    @property
    def full(self) -> "DatasetPaths":
        """The same at full resolution, where `spec` is halved."""
        whole = self.spec.model_copy(update={"halve": False})
        return DatasetPaths(self.out, f".full-{self.recipe.digest()}", whole)

    @property
    def clean_labels(self) -> Path:
        """Clean labels of the corrupted cases; read by evaluations only."""
        return self.given / "labelsClean"

    @property
    def given_eval(self) -> Path:
        """How good the given LQ labels are."""
        return self.given / "given-eval"

    def training(self, row: PlannedRow) -> Path:
        """The dataset that a row trains on."""
        return self.imported if row.labels == "clean" else self.given

    @property
    def made(self) -> bool:
        """Whether the dataset is complete and made as the plan says.

        Raises:
            ConfigError: If it was made in another way.
        """
        if not has_file(DatasetRecipe.path(self.given)):
            return False
        found, wanted = DatasetRecipe.read(self.given).content(), self.recipe.content()
        for key, value in wanted.items():
            if found[key] != value:
                raise ConfigError(
                    f"{self.given}: expected a dataset made with {key}={value}, found {found[key]}. "
                    "Give the dataset another name in the plan, or choose another --out folder."
                )
        return True


def paths_of(plan: BenchmarkPlan, out: Path) -> list[DatasetPaths]:
    """Where the datasets of a plan lie."""
    return [DatasetPaths(out, name, spec) for name, spec in plan.datasets.items()]


def check_source(
    plan: BenchmarkPlan,
    data: Path | None,
    out: Path,
    *,
    test_data: Path | None = None,
    needed: bool = True,
) -> None:
    """Refuse a plan whose data cannot be found, before anything is computed.

    Unless `needed`, the folders may be left open.

    Raises:
        UsageError: If `--data` or `--test-data` is needed and not given, or is no folder, or of no use.
        ConfigError: If a dataset is there already but made in another way.
    """
    missing = [paths for paths in paths_of(plan, out) if not paths.made and paths.spec.phantoms is None]
    if test_data is not None and not any(spec.test_data for spec in plan.datasets.values()):
        raise UsageError("--test-data: expected a dataset of the plan with 'test_data: true', found none.")
    for flag, folder, needy in (
        ("--data", data, missing),
        ("--test-data", test_data, [paths for paths in missing if paths.spec.test_data]),
    ):
        if needed and needy and folder is None:
            raise UsageError(
                f"expected {flag} PATH with the files of dataset '{needy[0].name}' "
                f"({needy[0].spec.format}), got none. Name the folder."
            )
        if needy and folder is not None and not folder.exists():
            raise UsageError(f"{flag} {folder}: expected a folder with the source files, found none.")


def make_datasets(
    plan: BenchmarkPlan, data: Path | None, out: Path, *, test_data: Path | None = None
) -> None:
    """Make the datasets that are not there yet, and score their given LQ labels.

    Raises:
        DataError: If the source cannot be used, or leaves nothing to score.
    """
    check_source(plan, data, out, test_data=test_data)
    for paths in paths_of(plan, out):
        given: Path | Dataset = paths.given
        if not paths.made:
            _make(paths, data, test_data)
            given = Dataset.open(paths.given)
            if not given.rows_where(split=plan.evaluate.split):
                raise DataError(
                    f"{paths.given}: expected cases of split {plan.evaluate.split} to score the runs on, "
                    f"found none. Set import: {plan.evaluate.split}_fraction for dataset '{paths.name}'."
                )
            paths.recipe.write(paths.given)
        if paths.spec.corrupt is not None and not has_file(EvaluationSummary.path(paths.given_eval)):
            evaluate(
                paths.given / "labelsTr",
                paths.clean_labels,
                out=paths.given_eval,
                protocol=plan.evaluate.protocol,
                dataset=given,
                quality="lq",
                split="train",
                overwrite=True,
            )


def _make(paths: DatasetPaths, data: Path | None, test_data: Path | None) -> None:
    spec, source = paths.spec, paths.recipe.source
    if spec.halve:
        _make(paths.full, data, test_data)
        logger.info("dataset %s: halving the resolution", paths.name)
        halve_dataset(paths.full.given, paths.given, overwrite=True)
        if spec.corrupt is not None:
            halve_dataset(paths.full.imported, paths.imported, overwrite=True)
            source.write(paths.imported)
        return
    if spec.corrupt is None or not has_file(source.path(paths.imported)):
        logger.info("dataset %s: importing", paths.name)
        if spec.phantoms is not None:
            write_phantoms(paths.imported, **_tuples(spec.phantoms), overwrite=True)
        elif data is not None:
            test_source = test_data if spec.test_data else None
            options = _tuples(spec.importing) | {"test_source": test_source}
            import_dataset(data, paths.imported, format=spec.format, **options, overwrite=True)
        if spec.corrupt is not None:
            source.write(paths.imported)
    if spec.corrupt is not None:
        logger.info("dataset %s: corrupting labels", paths.name)
        corrupt(paths.imported, paths.given, **_tuples(spec.corrupt), overwrite=True)


def _tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of YAML as the tuples that the verbs take."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
