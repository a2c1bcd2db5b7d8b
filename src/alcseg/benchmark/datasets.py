"""The datasets of a benchmark, each imported and corrupted once; every run reads the same folders."""

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from alcseg.benchmark.plan import BenchmarkPlan, DatasetSpec, Row
from alcseg.commands.corrupt import corrupt
from alcseg.commands.evaluate import evaluate
from alcseg.commands.import_dataset import import_dataset
from alcseg.data.folder import DatasetFolder
from alcseg.data.halving import halve_dataset
from alcseg.data.phantoms import write_phantoms
from alcseg.errors import ConfigError, DataError, UsageError
from alcseg.files import read_json, write_json

__all__ = ["DatasetPaths", "check_source", "make_datasets"]

logger = logging.getLogger(__name__)

_MADE = "made.json"
"""Written last, so a folder that holds it is complete; says how the dataset was made."""


@dataclass(frozen=True)
class DatasetPaths:
    """Where a dataset of a benchmark lies.

    Attributes:
        out: Folder of the benchmark.
        spec: The dataset.
    """

    out: Path
    spec: DatasetSpec

    @property
    def given(self) -> Path:
        """The dataset as the methods see it."""
        return self.out / "datasets" / self.spec.name

    @property
    def imported(self) -> Path:
        """The source as a dataset folder; several corrupted datasets may share it."""
        if self.spec.corrupt is None:
            return self.given
        return self.out / "datasets" / f".imported-{_digest(_source_recipe(self.spec))}"

    @property
    def full(self) -> "DatasetPaths":
        """The same at full resolution, where `spec` is halved."""
        whole = replace(self.spec, name=f".full-{_digest(_recipe(self.spec))}", halve=False)
        return DatasetPaths(self.out, whole)

    @property
    def clean_labels(self) -> Path:
        """Clean labels of the corrupted cases; read by evaluations only."""
        return self.given / "labelsClean"

    @property
    def given_eval(self) -> Path:
        """How good the given LQ labels are."""
        return self.given / "given-eval"

    def training(self, row: Row) -> Path:
        """The dataset that a row trains on."""
        return self.imported if row.labels == "clean" else self.given

    @property
    def made(self) -> bool:
        """Whether the dataset is complete and made as the plan says.

        Raises:
            ConfigError: If it was made in another way.
        """
        record = self.given / _MADE
        if not record.is_file():
            return False
        found, wanted = read_json(record), _recipe(self.spec)
        if found != wanted:
            name = next(key for key in wanted if found.get(key) != wanted[key])
            raise ConfigError(
                f"{self.given}: expected a dataset made with {name}={wanted[name]}, found {found.get(name)}. "
                "Give the dataset another name in the plan, or choose another --out folder."
            )
        return True


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
    specs = [spec for spec in plan.datasets if not DatasetPaths(out, spec).made and spec.phantoms is None]
    if test_data is not None and not any(spec.test_data for spec in plan.datasets):
        raise UsageError("--test-data: expected a dataset of the plan with 'test_data: true', found none.")
    for flag, folder, needy in (
        ("--data", data, specs),
        ("--test-data", test_data, [spec for spec in specs if spec.test_data]),
    ):
        if needed and needy and folder is None:
            raise UsageError(
                f"expected {flag} PATH with the files of dataset '{needy[0].name}' "
                f"({needy[0].format}), got none. Name the folder."
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
    for spec in plan.datasets:
        paths = DatasetPaths(out, spec)
        if not paths.made:
            _make(paths, data, test_data)
            folder = DatasetFolder.open(paths.given)
            if not folder.select(split=plan.evaluate.split):
                raise DataError(
                    f"{paths.given}: expected cases of split {plan.evaluate.split} to score the runs on, "
                    f"found none. Set import: {plan.evaluate.split}_fraction for dataset '{spec.name}'."
                )
            write_json(paths.given / _MADE, _recipe(spec))
        if spec.corrupt is not None and not (paths.given_eval / "summary.json").is_file():
            evaluate(
                paths.given / "labelsTr",
                paths.clean_labels,
                out=paths.given_eval,
                protocol=plan.evaluate.protocol,
                dataset=paths.given,
                quality="lq",
                split="train",
                overwrite=True,
            )


def _make(paths: DatasetPaths, data: Path | None, test_data: Path | None) -> None:
    spec = paths.spec
    source = paths.imported / _MADE
    if spec.halve:
        _make(paths.full, data, test_data)
        logger.info("dataset %s: halving the resolution", spec.name)
        halve_dataset(paths.full.given, paths.given, overwrite=True)
        if spec.corrupt is not None:
            halve_dataset(paths.full.imported, paths.imported, overwrite=True)
            write_json(source, _source_recipe(spec))
        return
    if spec.corrupt is None or not source.is_file():
        logger.info("dataset %s: importing", spec.name)
        if spec.phantoms is not None:
            write_phantoms(paths.imported, **_tuples(spec.phantoms), overwrite=True)
        elif data is not None:
            test_source = test_data if spec.test_data else None
            options = _tuples(spec.importing) | {"test_source": test_source}
            import_dataset(data, paths.imported, format=spec.format, **options, overwrite=True)
        if spec.corrupt is not None:
            write_json(source, _source_recipe(spec))
    if spec.corrupt is not None:
        logger.info("dataset %s: corrupting labels", spec.name)
        corrupt(paths.imported, paths.given, **_tuples(spec.corrupt), overwrite=True)


def _source_recipe(spec: DatasetSpec) -> dict[str, Any]:
    """What decides on the imported dataset, as JSON keeps it."""
    recipe: dict[str, Any] = json.loads(
        json.dumps(
            {
                "format": spec.format,
                "import": spec.importing,
                "phantoms": spec.phantoms,
                "halve": spec.halve,
            }
        )
    )
    # Only where it is asked for, so that datasets made before there was the key are still known.
    return recipe | ({"test_data": True} if spec.test_data else {})


def _recipe(spec: DatasetSpec) -> dict[str, Any]:
    """What decides on the dataset, as JSON keeps it."""
    return _source_recipe(spec) | {"corrupt": json.loads(json.dumps(spec.corrupt))}


def _digest(recipe: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:8]


def _tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Lists of YAML as the tuples that the verbs take."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
