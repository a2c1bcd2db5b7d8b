"""`run.json`: what a run was trained on, by what and where, and how far it is."""

from typing import Literal

from alcseg.records.base import Document, Record
from alcseg.records.cases import Quality

__all__ = ["InitialRecord", "RunInput", "RunRecord", "Use"]

Use = Literal["train", "val"]


class RunInput(Record):
    """A case that shaped a run."""

    use: Use
    """What it was there for."""
    quality: Quality
    """Of its label."""
    files: dict[str, str]
    """Its files in the dataset, and the hash of each."""
    classes_drawn: str = ""
    """Names of the classes that were drawn in its label, between `;`; all where empty."""


class InitialRecord(Record):
    """The run whose weights another one began with, and what of them it could use."""

    run: str
    """Its folder, as it was given."""
    weights_hash: str
    """Of its weights."""
    method: str
    """That trained it."""
    train_cases: tuple[str, ...] = ()
    """Cases that it was trained on."""
    taken: int
    """Weights that were taken, in whole or for the classes and channels that both know."""
    fresh: tuple[str, ...] = ()
    """Weights that did not fit and began anew."""
    fresh_classes: tuple[str, ...] = ()
    """Classes that it does not know."""
    dropped_classes: tuple[str, ...] = ()
    """Classes of it that this run does not know."""
    fresh_channels: tuple[str, ...] = ()
    """Image channels that it does not know."""


class RunRecord(Document):
    """A run beside its settings and its plan."""

    NAME = "run.json"
    MADE_BY = "`alcseg train`"

    status: Literal["training", "done"] = "training"
    """Whether it came to its end."""
    started: str = ""
    """When, UTC."""
    finished: str | None = None
    """When it came to its end, UTC."""
    dataset: str = ""
    """Name of the dataset."""
    data_hash: str = ""
    """Of all images and labels that train or validate."""
    inputs: dict[str, RunInput] = {}
    """The cases that train or validate, by name; a run goes on with the same ones only."""
    plan_hash: str | None = None
    """Of `plan.json`; None in runs from before it was kept."""
    handed_on: dict[str, str] = {}
    """Hash of the labels that each finished stage handed on."""
    seed: int = 0
    """Of the run."""
    device: str = ""
    """Where it was begun."""
    processor: str | None = None
    """Name of the processor."""
    threads: int | None = None
    """Threads that the processor computed with; another number changes results in the last digits."""
    bf16_speedup: float | None = None
    """How many times as fast as float32 a small convolution in bfloat16 was on the processor; None where
    nobody asked."""
    gpu: str | None = None
    """Name of the GPU, if it ran on one."""
    commit: str | None = None
    """Of the checkout that alcseg ran from."""
    versions: dict[str, str] = {}
    """Of Python and the packages that decide on the numbers."""
    stages: tuple[str, ...] | None = None
    """Names of the stages before the last one, in order; None in runs from before they were kept."""
    train_cases: tuple[str, ...] | None = None
    """Cases trained on; None where the run does not say."""
    hq_cases: tuple[str, ...] = ()
    """Those of them that were trusted."""
    val_cases: tuple[str, ...] = ()
    """Cases validated on."""
    hq_from: str | None = None
    """The audit whose trusted labels counted as HQ, as it was given; None: those that `cases.csv` names."""
    initial: InitialRecord | None = None
    """The run whose weights it began with, `initial.safetensors`; None: with fresh ones."""
    continued_from: tuple[int, ...] = ()
    """Steps at which it had come to its end before it was given more."""
    peak_memory_mib: float | None = None
    """Largest resident memory of the process."""
    peak_gpu_memory_mib: float | None = None
    """Largest memory allocated on the GPU."""
