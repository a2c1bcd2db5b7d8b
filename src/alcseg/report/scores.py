"""The scores of one evaluation, as `alcseg evaluate` left them."""

import statistics
from dataclasses import dataclass, field
from pathlib import Path

from alcseg.errors import DataError
from alcseg.records.scores import ScoreRow

__all__ = ["Scores", "read_scores"]


@dataclass(frozen=True)
class Scores:
    """The scores of one evaluation.

    Attributes:
        values: Metric to case to class to value, penalties for missed structures included.
        units: Metric to unit: `fraction`, `mm` or `voxel`.
    """

    values: dict[str, dict[str, dict[str, float]]]
    units: dict[str, str] = field(default_factory=dict)

    def by_case(self, metric: str) -> dict[str, float]:
        """Mean over the foreground classes, by case."""
        return {case: statistics.fmean(classes.values()) for case, classes in self.values[metric].items()}

    def mean(self, metric: str, class_name: str | None = None) -> float:
        """Mean over the cases of one class, or of the mean over the classes."""
        if class_name is None:
            return statistics.fmean(self.by_case(metric).values())
        found = self.values[metric].values()
        return statistics.fmean(classes[class_name] for classes in found if class_name in classes)

    def spread(self, metric: str) -> float:
        """Standard deviation over the cases of the mean over the classes; nan for a single case."""
        values = list(self.by_case(metric).values())
        return statistics.stdev(values) if len(values) > 1 else float("nan")


def read_scores(evaluation: Path, *, cases: int | None = None) -> Scores:
    """Read what `alcseg evaluate` wrote into a folder; classes empty in both label maps are left out.

    Args:
        evaluation: The folder.
        cases: How many cases there must be; None where it is not known.

    Raises:
        DataError: If there is no table of scores, or it is empty, malformed or cut off.
    """
    path = ScoreRow.path(evaluation)
    values: dict[str, dict[str, dict[str, float]]] = {}
    units: dict[str, str] = {}
    rows = ScoreRow.read(evaluation)
    for row in rows:
        if row.status != "both_empty":
            values.setdefault(row.metric, {}).setdefault(row.case_id, {})[row.class_name] = row.value
            units[row.metric] = row.unit
    if "dice" not in values:
        raise DataError(f"{path}: expected scores, found none. Was the evaluation finished?")
    found = {row.case_id for row in rows}
    if cases is not None and len(found) != cases:
        raise DataError(f"{path}: expected scores of {cases} cases, found {len(found)}. Evaluate again.")
    return Scores(values, units)
