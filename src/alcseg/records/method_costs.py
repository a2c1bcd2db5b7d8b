"""`costs.json`: how long a training step of each method takes; measured once and shipped with the package."""

from importlib import resources

from alcseg.records.base import Document, Record

__all__ = ["CostConditions", "MethodCosts"]


class CostConditions(Record):
    """What the measurements hold for."""

    date: str
    """When."""
    commit: str | None = None
    """Of the checkout that was measured."""
    hardware: str
    """What computed."""
    patch: str
    """Side lengths in voxels."""
    batch: str
    """Patches per step."""
    baseline: str
    """Time of a step that counts as 1."""


class MethodCosts(Document):
    """Time of a training step by method, that of `hl_sup` being 1."""

    NAME = "costs.json"
    MADE_BY = "`benchmarks/method_costs.py`"

    measured: CostConditions
    """What the measurements hold for."""
    cost: dict[str, float]
    """By method."""

    @classmethod
    def shipped(cls) -> "MethodCosts":
        """Those that come with the package."""
        with resources.as_file(resources.files("alcseg") / "training_methods" / cls.NAME) as path:
            return cls.read_file(path)
