"""An evaluation on disk: the scores of `alcseg evaluate` and what they say, without computing them anew."""

import math
import statistics
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from alcseg.errors import DataError
from alcseg.records.scores import ScoreRow
from alcseg.records.summary import EvaluationSummary

__all__ = ["Evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predicted label maps against a reference; `alcseg.evaluate` makes it, `Evaluation.open` opens it again.

    Attributes:
        path: The folder.
        summary: What was compared how, and statistics over the cases.
        scores: One per case, class and metric, penalties for missed structures included.
    """

    path: Path
    summary: EvaluationSummary
    scores: tuple[ScoreRow, ...]

    @classmethod
    def open(cls, path: "str | PathLike[str] | Evaluation") -> "Evaluation":
        """Read what `alcseg evaluate` wrote into a folder; an open one is not read again.

        Raises:
            DataError: If a file is absent or damaged, or scores are missing.
        """
        if isinstance(path, Evaluation):
            return path
        path = Path(path)
        summary, scores = EvaluationSummary.read(path), ScoreRow.read(path)
        wanted = summary.n_cases * len(summary.classes) * len(summary.units)
        if len(scores) != wanted:
            raise DataError(
                f"{ScoreRow.path(path)}: expected {wanted} scores of {summary.n_cases} cases, "
                f"found {len(scores)}. Evaluate again."
            )
        return cls(path, summary, scores)

    def __fspath__(self) -> str:
        return str(self.path)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {
            "per_case": ScoreRow.path(self.path),
            "summary_file": EvaluationSummary.path(self.path),
            "summary": self.summary,
        }

    @property
    def units(self) -> dict[str, str]:
        """Metric to unit."""
        return self.summary.units

    @cached_property
    def values(self) -> dict[str, dict[str, dict[str, float]]]:
        """Metric to case to class to value; what neither label map holds is absent."""
        values: dict[str, dict[str, dict[str, float]]] = {metric: {} for metric in self.units}
        for row in self.scores:
            if row.status != "both_empty" and math.isfinite(row.value):
                values.setdefault(row.metric, {}).setdefault(row.case_id, {})[row.class_name] = row.value
        return values

    def by_case(self, metric: str) -> dict[str, float]:
        """Mean over the foreground classes, by case."""
        return {case: statistics.fmean(classes.values()) for case, classes in self.values[metric].items()}

    def mean(self, metric: str, class_name: str | None = None) -> float:
        """Mean over the cases of one class, or of the mean over the classes; nan where there is none."""
        if class_name is None:
            found = list(self.by_case(metric).values())
        else:
            found = [row[class_name] for row in self.values[metric].values() if class_name in row]
        return statistics.fmean(found) if found else math.nan

    def spread(self, metric: str) -> float:
        """Standard deviation over the cases of the mean over the classes; nan for a single case."""
        values = list(self.by_case(metric).values())
        return statistics.stdev(values) if len(values) > 1 else math.nan
