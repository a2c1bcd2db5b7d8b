"""`plan.json`: how files become the voxels a network sees."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, model_validator

from alcseg.records.base import Document
from alcseg.types import Level

__all__ = ["Normalization", "Plan", "WantedSpacing"]

Normalization = Literal["zscore", "ct", "none"]

_Millimetres = Annotated[float, Field(gt=0, allow_inf_nan=False)]

WantedSpacing = tuple[_Millimetres | None, _Millimetres | None, _Millimetres | None]
"""mm per RAS axis; None keeps a case's own."""


class Plan(Document):
    """How files become voxels; made from the data or a preset and kept with a run."""

    NAME = "plan.json"
    MADE_BY = "`alcseg train`"

    spacing: WantedSpacing
    """Voxel size of the model grid in mm per RAS axis; None keeps a case's own."""
    patch: tuple[PositiveInt, PositiveInt, PositiveInt]
    """Side lengths of a training patch and inference window, voxels of the model grid."""
    flat_levels: tuple[Level, Level, Level] = (0, 0, 0)
    """For each axis, in how many of its first levels the network leaves it alone: its voxels are thick."""
    normalization: Normalization
    """`zscore` per volume and channel; `ct` clips to `clip` first; `none` keeps stored values."""
    clip: tuple[FiniteFloat, FiniteFloat] | None
    """Lowest and highest intensity kept under `ct`, in the image's unit (HU)."""
    label_values: tuple[int, ...]
    """Values in label files, background first; their order is the order of the network's classes."""
    label_names: tuple[str, ...]
    """Names in the same order."""
    channel_names: tuple[str, ...]
    """One per image channel."""
    kept: dict[str, float] = {}
    """Share of each class's volume that the model grid keeps, mean over training labels; empty where no label
    is made coarser."""
    orientation: Literal["RAS"] = "RAS"
    """Order of the axes of the model grid."""

    @model_validator(mode="after")
    def _names_classes(self) -> Self:
        names, values = self.label_names, self.label_values
        if not names or len(names) != len(values) or len({*values}) < len(values):
            raise ValueError(f"expected a name for each label value, found {names} for {values}")
        if not self.channel_names:
            raise ValueError("expected a channel, found none")
        return self

    @property
    def labels(self) -> dict[str, int]:
        """Name to value in the files, background first."""
        return dict(zip(self.label_names, self.label_values, strict=True))

    @property
    def num_classes(self) -> int:
        """Classes, background counted."""
        return len(self.label_values)
