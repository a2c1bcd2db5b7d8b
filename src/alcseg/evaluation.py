"""An evaluation on disk: the scores of `alcseg evaluate` and what they say, without computing them anew."""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.data.case import Volume
from alcseg.data.label_pairs import read_pair
from alcseg.data.layout import label_files
from alcseg.errors import DataError
from alcseg.frames import to_frame
from alcseg.listing import has_file
from alcseg.records.base import by_case
from alcseg.records.scores import ScoreRow
from alcseg.records.summary import EvaluationSummary
from alcseg.types import LabelMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["Evaluation", "ScoredCase"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Predicted label maps against a reference; `alcseg.evaluate` makes it, `Evaluation.open` opens it again.

    `evaluation["heart_001"]` gives the scores and the label maps of a case, `for case in evaluation` goes
    through all.

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

    @cached_property
    def _by_case(self) -> dict[str, tuple[ScoreRow, ...]]:
        return by_case(self.scores)

    def __len__(self) -> int:
        return len(self._by_case)

    def __iter__(self) -> "Iterator[ScoredCase]":
        return (self[case_id] for case_id in self._by_case)

    def __getitem__(self, case_id: str) -> "ScoredCase":
        if case_id not in self._by_case:
            raise DataError(f"{self.path}: expected scores of '{case_id}', found none. Check the name.")
        folders = Path(self.summary.pred), Path(self.summary.truth)
        return ScoredCase(case_id, self._by_case[case_id], *folders, classes=self.summary.classes)

    def to_frame(self) -> "DataFrame":
        """A line per case, class and metric with the columns of `per_case.csv`; needs pandas."""
        return to_frame(self.scores)

    def plot(self, metric: str = "dice") -> "Figure":
        """One metric of each class: its cases as points, and their quartiles."""
        from alcseg.views.evaluation import figure

        return figure(self, metric)

    def _repr_html_(self) -> str:
        from alcseg.views.evaluation import html

        return html(self)

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
        """Metric to case to class to value; what neither label map holds or nobody drew is absent."""
        values: dict[str, dict[str, dict[str, float]]] = {metric: {} for metric in self.units}
        for row in self.scores:
            if row.status not in ("both_empty", "not_drawn") and math.isfinite(row.value):
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


@dataclass(frozen=True, eq=False)
class ScoredCase:
    """The scores of one case; label maps are read when first asked for, from where they were scored.

    Attributes:
        case_id: Its name.
        scores: One per class and metric.
        pred_folder: Of the predicted label maps, or the file.
        truth_folder: Of the reference label maps, or the file.
        classes: Name to value of those that were scored.
    """

    case_id: str
    scores: tuple[ScoreRow, ...] = field(repr=False)
    pred_folder: Path = field(repr=False)
    truth_folder: Path = field(repr=False)
    classes: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def pred(self) -> LabelMap:
        """The predicted label map, `(X, Y, Z)`."""
        return self._pair[0].array

    @property
    def truth(self) -> LabelMap:
        """The reference label map, same shape."""
        return self._pair[1].array

    @cached_property
    def _pair(self) -> tuple[Volume, Volume]:
        one, other = self._path(self.pred_folder), self._path(self.truth_folder)
        return read_pair(one, other, {"background": 0, **self.classes})

    def _path(self, place: Path) -> Path:
        path = place if has_file(place) else label_files(place).get(self.case_id)
        if path is None:
            raise DataError(f"{place}: expected the label map of '{self.case_id}', found none. Restore it.")
        return path
