"""`record.json`: what a run of a benchmark is, and how it ended; written last."""

from typing import Any, Literal

from alcseg.records.base import Document, Record
from alcseg.types import Protocol, Window

__all__ = ["BenchmarkRecord", "RunIdentity"]


class RunIdentity(Record):
    """What makes a run this one and no other."""

    dataset: str
    """Name of the dataset."""
    row: str
    """Name of the row."""
    method: str = ""
    """That was trained."""
    labels: Literal["given", "clean"] = "given"
    """What it was trained on."""
    init: str | None = None
    """Row whose weights it began with."""
    preset: str | None = None
    """Of the training."""
    settings: dict[str, Any] = {}
    """What the plan sets, by dotted key."""
    seed: int
    """Of the training."""
    protocol: Protocol = "mm"
    """Of the scores."""
    window: Window = "gaussian"
    """Of the predictions."""
    split: str = "test"
    """Which cases were scored."""


class BenchmarkRecord(RunIdentity, Document):
    """One run of a benchmark; what a failed one did not get to is null."""

    NAME = "record.json"
    MADE_BY = "`alcseg benchmark`"

    title: str = ""
    """Of the row."""
    status: Literal["done", "failed"]
    """How it ended."""
    error: str | None = None
    """Why it failed."""
    hq_cases: int = 0
    """HQ training cases."""
    lq_cases: int = 0
    """LQ training cases."""
    test_cases: int = 0
    """Cases that were scored."""
    commit: str | None = None
    """Of the checkout that alcseg ran from."""
    hardware: str | None = None
    """GPU or processor that trained."""
    device: str | None = None
    """Where it trained."""
    threads: int | None = None
    """Threads of the process."""
    started: str | None = None
    """When, UTC."""
    finished: str | None = None
    """When, UTC."""
    train_s: float | None = None
    """Wall time of the training, validation and data loading included."""
    predict_s: float | None = None
    """Wall time of the predictions that were scored."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""
    peak_gpu_memory_mib: float | None = None
    """Largest memory allocated on the GPU."""
    steps: int | None = None
    """Optimizer steps, over all stages."""
    parameters: int | None = None
    """Trained weights."""
    validation_dice: float | None = None
    """At the last validation."""

    @property
    def done(self) -> bool:
        """Whether it came to its end."""
        return self.status == "done"
