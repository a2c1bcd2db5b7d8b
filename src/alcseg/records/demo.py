"""`demo.json`: what `alcseg demo` did, how long each step took, and the scores at the end."""

from alcseg.records.base import Document, Record

__all__ = ["DemoRecord", "DemoScores", "DemoStep"]


class DemoStep(Record):
    """One step."""

    title: str
    """What it does."""
    time_s: float
    """Wall time."""


class DemoScores(Record):
    """Of one method."""

    dice: float
    """Mean over the test cases of the mean over the classes."""
    hd95_mm: float
    """The same of HD95."""


class DemoRecord(Document):
    """The demonstration from phantoms to scores."""

    NAME = "demo.json"
    MADE_BY = "`alcseg demo`"

    seed: int
    """Of the phantoms, the label noise and the trainings."""
    versions: dict[str, str]
    """Of Python and the packages that decide on the numbers."""
    started: str
    """When, UTC."""
    labels: dict[str, float] = {}
    """Mean Dice of the LQ labels against the clean ones, `given` and `refined`; empty until all is done."""
    test: dict[str, DemoScores] = {}
    """Method to its scores on the test cases; empty until all is done."""
    steps: tuple[DemoStep, ...] = ()
    """Those that are done, in order."""
    commands: tuple[str, ...]
    """What would do each step by hand, and last what opens the review of the corrected labels."""
    time_s: float = 0.0
    """Wall time of the whole."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""

    @property
    def done(self) -> bool:
        """Whether the scores are there, and so the whole."""
        return bool(self.test)
