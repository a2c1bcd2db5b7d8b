"""`made.json`: how a dataset of a benchmark was made; written last, so a folder that holds it is complete."""

import hashlib
import json
from typing import Any, Self

from pydantic import Field

from alcseg.records.base import Document
from alcseg.records.benchmark_plan import PlannedDataset

__all__ = ["DatasetRecipe"]


class DatasetRecipe(Document):
    """All that decides on a dataset."""

    NAME = "made.json"
    MADE_BY = "`alcseg benchmark`"
    FORMAT_KEY = "alcseg_recipe"

    layout: str = Field("auto", alias="format")
    """Layout of the source."""
    importing: dict[str, Any] = Field({}, alias="import")
    """Options of the import."""
    phantoms: dict[str, Any] | None = None
    """Counts of generated cases in place of a source."""
    halve: bool = False
    """Whether it has half the resolution."""
    test_data: bool = False
    """Whether the test cases came from a folder of their own."""
    corrupt: dict[str, Any] | None = None
    """Options of the corruption; null where labels are as they came."""

    @classmethod
    def of(cls, spec: PlannedDataset) -> Self:
        """The recipe that a plan states."""
        options = {"import": spec.importing, "phantoms": spec.phantoms, "corrupt": spec.corrupt}
        plain: dict[str, Any] = json.loads(json.dumps(options))  # keys and lists as JSON keeps them
        return cls(layout=spec.format, halve=spec.halve, test_data=spec.test_data, **plain)

    @property
    def source(self) -> "DatasetRecipe":
        """The recipe without the corruption: of the imported dataset, which several may share."""
        return self.model_copy(update={"corrupt": None})

    def digest(self, *, of_source: bool = False) -> str:
        """Eight digits that folders are named by; the same as before formats were numbered."""
        content: dict[str, Any] = {
            "format": self.layout,
            "import": self.importing,
            "phantoms": self.phantoms,
            "halve": self.halve,
        }
        content |= {"test_data": True} if self.test_data else {}
        content |= {} if of_source else {"corrupt": self.corrupt}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
