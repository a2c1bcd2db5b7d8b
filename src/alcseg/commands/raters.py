"""`alcseg raters`: how the readers of a dataset draw, against their consensus and against each other."""

import logging
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.commands._raters_compared import Compared, compare_raters
from alcseg.commands._raters_page import write_comparison
from alcseg.data.folder import Dataset
from alcseg.data.rater_labels import rater_labels
from alcseg.errors import DataError
from alcseg.frames import to_frame
from alcseg.outputs import output_folder, require_apart
from alcseg.records.raters import RaterRow

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["RaterComparison", "raters"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RaterComparison(Compared):
    """How readers draw, written to a folder.

    Attributes:
        out: Folder of the tables and the page.
    """

    out: Path = field(kw_only=True)

    def __fspath__(self) -> str:
        return str(self.out)

    @classmethod
    def of(cls, found: Compared, out: Path) -> "RaterComparison":
        """What was found, written to a folder."""
        return cls(**vars(found), out=out)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        names = ("out", "fusion", "drew", "missing", "alike", "verdict", "raters", "pairs")
        return {name: getattr(self, name) for name in names}

    def to_frame(self) -> "DataFrame":
        """A line per reader and class; needs pandas."""
        return to_frame(self.raters)


def raters(
    dataset: str | PathLike[str], *, out: str | PathLike[str], overwrite: bool = False
) -> RaterComparison:
    """Compare each reader of a dataset with the consensus of the others, and with each of them.

    `alcseg import` does the same into the folder `raters` of the dataset that it makes.

    Args:
        dataset: Dataset folder with the labels of several readers in `labelsRaters/`.
        out: Folder for `raters.csv`, `rater_pairs.csv`, `rater_cases.csv` and `report.html`.
        overwrite: Replace an output folder that is not empty.

    Raises:
        UsageError: If `out` holds something, or lies in the dataset.
        DataError: If no case was drawn by several readers, or a label cannot be used.
    """
    folder, target = Dataset.open(dataset, require_images=False), Path(out)
    require_apart(target, folder.root)
    files = rater_labels(folder)
    if not files:
        raise DataError(
            f"{folder.root}: expected labels of several readers in labelsRaters/, found none. Import them "
            "with `alcseg import SRC DST --raters NAME=FOLDER ...`."
        )
    with output_folder(target, overwrite=overwrite, writes=RaterRow.NAME) as partial:
        found = compare_raters(folder, files)
        write_comparison(partial, found, folder.name)
    for remark in found.remarks:
        _log.warning(remark)
    return RaterComparison.of(found, target)
