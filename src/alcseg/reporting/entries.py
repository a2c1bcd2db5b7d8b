"""The datasets and runs of a benchmark, each with what its folder holds; read when asked for."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from alcseg.evaluation import Evaluation
from alcseg.listing import has_file
from alcseg.records.benchmark_plan import PlannedDataset
from alcseg.records.benchmark_run import BenchmarkRecord
from alcseg.records.noise import NoiseManifest
from alcseg.records.offsets import OffsetRow
from alcseg.records.pseudo_labels import PseudoLabelRow
from alcseg.records.scores import ScoreRow
from alcseg.run import Run

__all__ = ["DatasetEntry", "RunEntry"]


@dataclass(frozen=True)
class DatasetEntry:
    """One dataset of a plan.

    Attributes:
        name: Of its folder.
        path: Dataset folder.
        spec: What the plan says of it.
    """

    name: str
    path: Path
    spec: PlannedDataset = field(repr=False)

    @property
    def title(self) -> str:
        """As a table shows it."""
        return self.spec.title

    @cached_property
    def noise(self) -> NoiseManifest:
        """What was done to its labels; nothing where none tells."""
        return NoiseManifest.read_if_there(self.path)

    @cached_property
    def given(self) -> Evaluation | None:
        """Given LQ labels against the clean ones."""
        return _evaluation(self.path / "given-eval")


@dataclass(frozen=True)
class RunEntry:
    """One run.

    Attributes:
        path: Run folder.
        record: What it was and how it ended.
    """

    path: Path
    record: BenchmarkRecord = field(repr=False)

    @property
    def place(self) -> tuple[str, str]:
        """Names of dataset and row."""
        return self.record.dataset, self.record.row

    @cached_property
    def test(self) -> Evaluation | None:
        """Scores on the test cases."""
        return _evaluation(self.path / "eval")

    @cached_property
    def lq(self) -> Evaluation | None:
        """What the network says of the LQ training images, against the clean labels."""
        return _evaluation(self.path / "lq-eval")

    @cached_property
    def corrected(self) -> Evaluation | None:
        """Corrected LQ labels against the clean ones."""
        return _evaluation(self.path / "corrected-eval")

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting of the run by its dotted name; without `config.yaml` those that the row sets."""
        run = Run(self.path)
        resolved = run.settings.dotted if has_file(run.config_path) else {}
        return resolved | self.record.settings

    @cached_property
    def offsets(self) -> tuple[OffsetRow, ...]:
        """How each label was drawn; empty where none were corrected."""
        corrected = self.path / "corrected"
        return OffsetRow.read(corrected) if has_file(OffsetRow.path(corrected)) else ()

    @cached_property
    def pseudo_labels(self) -> tuple[PseudoLabelRow, ...]:
        """Quality of pseudo-labels over the training; empty where it was not recorded."""
        return PseudoLabelRow.read(self.path) if has_file(PseudoLabelRow.path(self.path)) else ()


def _evaluation(folder: Path) -> Evaluation | None:
    return Evaluation.open(folder) if has_file(ScoreRow.path(folder)) else None
