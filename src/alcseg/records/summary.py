"""`summary.json`: statistics over the cases of an evaluation, and what was compared how."""

from alcseg.records.base import Document, Record
from alcseg.types import Protocol

__all__ = ["EvaluationSummary", "Statistics"]


class Statistics(Record):
    """Over the cases of one metric; None where there is no case, or for the spread of a single one."""

    mean: float | None
    """Arithmetic mean."""
    std: float | None
    """Standard deviation over cases, n - 1 in the denominator."""
    median: float | None
    """Median."""
    interval_95: tuple[float | None, float | None]
    """95 % percentile bootstrap interval of the mean."""
    n: int
    """Number of cases that count."""
    n_missed: int
    """Pairs of case and class that the prediction lacks; they count with the worst value."""
    n_spurious: int
    """Pairs that the reference lacks; they count with the worst value."""
    n_undefined: int
    """Pairs that both lack; they do not count."""
    n_not_drawn: int = 0
    """Pairs of which nobody drew the class in the case; they do not count."""


class EvaluationSummary(Document):
    """What an evaluation found."""

    NAME = "summary.json"
    MADE_BY = "`alcseg evaluate`"

    protocol: Protocol
    """`mm`, or `paper` for distances in voxels and no `nsd`."""
    pred: str
    """Folder of the predicted label maps."""
    truth: str
    """Folder of the reference label maps."""
    dataset: str | None = None
    """Dataset folder that named the classes."""
    quality: str | None = None
    """Only cases of this quality were scored."""
    split: str | None = None
    """Only cases of this split were scored."""
    tolerance_mm: float | None = None
    """Of `nsd`."""
    classes: dict[str, int]
    """Name to label value of the classes that were scored."""
    n_cases: int
    """Number of cases."""
    n_without_truth: int = 0
    """Chosen cases that have no reference."""
    n_predictions_left_out: int = 0
    """Predictions of other cases."""
    units: dict[str, str]
    """Metric to unit."""
    foreground_mean: dict[str, Statistics]
    """By metric, of the mean over the classes of a case."""
    per_class: dict[str, dict[str, Statistics]]
    """By class and metric."""
    ignored_voxels: int = 0
    """Voxels that nobody labeled, over all cases; they do not count."""
    interval: str = ""
    """How the intervals were formed."""
    created: str = ""
    """When, UTC."""
    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
