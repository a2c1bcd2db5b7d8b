"""What a reader of an on-disk layout gives: the cases it found, as files to copy or as volumes to convert."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from alcseg.data.case import Case
from alcseg.records.cases import Quality, Split
from alcseg.types import Spacing

__all__ = ["Reader", "ReaderOptions", "SourceCase", "SourceDataset", "read_list"]


@dataclass(frozen=True)
class ReaderOptions:
    """What the caller knows better than the files.

    Attributes:
        spacing: Voxel size in mm for layouts that do not store it; None for the layout's default.
        label_map: Value in the files to value wanted, applied before values are named or checked.
    """

    spacing: Spacing | None = None
    label_map: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceCase:
    """One case of a source.

    Attributes:
        case_id: Its name, unique in the dataset.
        images: NIfTI files to copy, one per channel; empty if `load` is given.
        label: NIfTI file of the label, or None.
        load: Reads the case where the files are not NIfTI.
        quality: What the source says of the label; None if nothing.
        split: The split the source gives; None if none.
        group: Cases of one group (a patient) stay in one split; None for the case itself.
        source: Where the case came from, relative to the source folder.
    """

    case_id: str
    images: tuple[Path, ...] = ()
    label: Path | None = None
    load: Callable[[], Case] | None = None
    quality: Quality | None = None
    split: Split | None = None
    group: str | None = None
    source: str = ""


@dataclass(frozen=True)
class SourceDataset:
    """What a reader found: names, channels, class name to value (background first) and the cases in order."""

    name: str
    channel_names: dict[str, str]
    labels: dict[str, int]
    cases: tuple[SourceCase, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)


class Reader(ABC):
    """One layout; a subclass says whether a folder has it, and what cases are in there."""

    uses_spacing: ClassVar[bool] = False
    """Whether `ReaderOptions.spacing` means something, since the files have no spacing of their own."""

    general: ClassVar[bool] = False
    """Whether a kind of file is all it takes, so that readers of stricter layouts are asked first."""

    @classmethod
    @abstractmethod
    def detect(cls, source: Path) -> bool:
        """Whether `source` has this layout; at most one of the strict readers says yes."""

    @abstractmethod
    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases of `source`; volumes are opened only where there is no other way to know the labels.

        Raises:
            DataError: If the layout is not complete.
        """


def read_list(path: Path) -> list[str]:
    """Names in a `train.list` or `test.list` of the literature, one a line; [] if it is absent."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [line.strip().removesuffix(".h5") for line in lines if line.strip()]
