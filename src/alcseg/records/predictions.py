"""`predict.json`: what became of each case that was predicted, and by what."""

from typing import Literal

from alcseg.records.base import Document, Record
from alcseg.records.correction import Perturbation
from alcseg.types import Window

__all__ = ["Network", "OtherRun", "PredictedCase", "PredictionRecord"]

Network = Literal["auto", "student", "teacher"]
"""Which network answers; `auto` leaves it to the method."""


class PredictedCase(Record):
    """One case."""

    status: Literal["ok", "failed"]
    """Whether it was predicted."""
    source_hash: str = ""
    """Of the bytes of its images; empty in older files."""
    inputs: tuple[str, ...] = ()
    """Its image files, one per channel, or its DICOM folder."""
    label: str | None = None
    """Name of the label map in the output folder."""
    probabilities: str | None = None
    """Name of the probability map, where one was asked for."""
    uncertainty: str | None = None
    """Name of the map of uncertainty, where one was asked for."""
    volume_mm3: dict[str, float] = {}
    """Volume of each foreground class."""
    error: str | None = None
    """Why it failed."""
    time_s: float = 0.0
    """Wall time."""


class OtherRun(Record):
    """One of several that answer together."""

    run: str
    """The run folder or exported file, as it was given."""
    run_hash: str
    """Of its settings, plan and weights."""
    method: str
    """That it was trained with."""


class PredictionRecord(Document):
    """All cases of one call."""

    NAME = "predict.json"
    MADE_BY = "`alcseg predict`"

    status: Literal["predicting", "done"] = "done"
    """Whether the call came to its end; the same command goes on where it did not."""
    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
    run: str
    """The run folder, as it was given."""
    run_hash: str = ""
    """Of its settings, plan and weights; empty in older files."""
    method: str
    """That the run was trained with."""
    others: tuple[OtherRun, ...] = ()
    """What answered together with `run`: its probabilities were averaged with those of all of these."""
    network: Network = "auto"
    """Which network was asked for."""
    window: Window = "gaussian"
    """Sliding window."""
    probabilities: bool = False
    """Whether probability maps were asked for."""
    perturbation: Perturbation | None = None
    """Of the passes behind the maps of uncertainty, where those were asked for."""
    device: str = ""
    """Where the network ran."""
    engine: str = ""
    """What computed its forward passes, as `--engine` names it; empty in older files."""
    label_format: str = "nifti"
    """Of the label maps, as `--as` names it."""
    started: str = ""
    """When, UTC."""
    labels: dict[str, int] = {}
    """Class name to value in the label maps, background first."""
    cases: dict[str, PredictedCase] = {}
    """By case."""
    time_s: float = 0.0
    """Wall time of the whole."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""

    @property
    def other_hashes(self) -> tuple[str, ...]:
        """Of `others`, in their order."""
        return tuple(other.run_hash for other in self.others)
