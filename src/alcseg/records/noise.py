"""`noise.json`: what was done to each spoiled label of a dataset, and how good it still is."""

from pathlib import Path
from typing import Any

from alcseg.listing import has_file
from alcseg.records.base import Document, Record

__all__ = ["NoiseEntry", "NoiseManifest"]


class NoiseEntry(Record):
    """What became of one label."""

    operation: str = ""
    """In one word: `dilate`, `erode`, `none`, or one of the model's own."""
    model: str = ""
    """Name of the noise model."""
    size: float | None = None
    """How much was done."""
    size_drawn: float | None = None
    """How much was drawn; more than `size` where a class would have vanished."""
    unit: str | None = None
    """Of both."""
    seed: int | None = None
    """That was mixed with the case's name."""
    weakened: bool = False
    """Whether less was done than drawn."""
    details: dict[str, Any] = {}
    """Drawn parameters of the model."""
    offset_mm_mean: float | None = None
    """Mean signed distance from the clean surface of the foreground to the noisy one, mm."""
    dice_to_clean: float | None = None
    """Mean Dice over the classes, given against clean."""
    dice_per_class: dict[str, float] = {}
    """By class name."""


class NoiseManifest(Document):
    """All labels that `alcseg corrupt` spoiled; on disk the cases stand at the top, beside the format."""

    NAME = "noise.json"
    MADE_BY = "`alcseg corrupt`"
    SPREAD = "cases"

    cases: dict[str, NoiseEntry]
    """By case."""

    @classmethod
    def read_if_there(cls, folder: Path) -> "NoiseManifest":
        """Read the file of a folder; without one no label was spoiled."""
        return cls.read(folder) if has_file(cls.path(folder)) else cls(cases={})
