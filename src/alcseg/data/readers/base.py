"""What a reader of an on-disk layout gives: the cases it found, as files to copy or as volumes to convert."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from alcseg.case_ids import check_case_id
from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.formats import read_image, read_label
from alcseg.data.grids import require_same_grid
from alcseg.data.nifti import read_channels
from alcseg.records.cases import Quality, Split
from alcseg.types import Spacing

__all__ = ["Reader", "ReaderOptions", "SourceCase", "SourceDataset"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReaderOptions:
    """What the caller knows better than the files.

    Attributes:
        spacing: Voxel size in mm for layouts that do not store it; None for the layout's default.
        label_map: Value in the files to value wanted, applied before values are named or checked.
        raters: Folder of the labels of each reader, where the caller names all of them.
        ignore_label: Value of voxels that nobody labeled, once `label_map` is applied; it is no class.
        priority: Names of classes, of which the first wins where segments of a file overlap.
    """

    spacing: Spacing | None = None
    label_map: Mapping[int, int] = field(default_factory=dict)
    raters: Mapping[str, Path] = field(default_factory=dict)
    ignore_label: int | None = None
    priority: Sequence[str] = ()


@dataclass(frozen=True)
class SourceCase:
    """One case of a source, not read yet; `read` gives its volumes, whatever the files are.

    Attributes:
        case_id: Its name, unique in the dataset and checked by `check_case_id`.
        images: Files of `alcseg.data.formats`, one per channel; or the files and folders that `load` reads.
        label: File of the label, or None.
        load: Reads the case where the files are of no such format.
        quality: What the source says of the label; None if nothing.
        split: The split the source gives; None if none.
        group: Cases of one group (a patient) stay in one split; None for the case itself.
        source: Where the case came from, relative to the source folder.
        channels: Names of the images, where the files tell them.
        stacked: Whether the only file of images holds the channels along its fourth axis.
        order: Which of the stacked channels to take, in order; None for all.
        rater: Who drew the label, where a table says it.
        raters: NIfTI file of the label that each of several readers drew, beside `label` or in its place.
        classes_drawn: As in `cases.csv`: names of the classes that were drawn, all where empty.
        labels: Class name to value, background first, where the label names its classes; None for the values
            in the file.
        priority: Names of classes, of which the first wins where segments overlap.
    """

    case_id: str
    images: tuple[Path, ...]
    label: Path | None = None
    load: Callable[[], CaseVolumes] | None = None
    quality: Quality | None = None
    split: Split | None = None
    group: str | None = None
    source: str = ""
    channels: tuple[str, ...] = ()
    stacked: bool = False
    order: tuple[int, ...] | None = None
    rater: str = ""
    raters: Mapping[str, Path] = field(default_factory=dict)
    classes_drawn: str = ""
    labels: Mapping[str, int] | None = None
    priority: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_case_id(self.case_id, next(iter(self.images), self.source))

    @property
    def labeled(self) -> bool:
        """Whether there is a label to take over."""
        given = self.label is not None or self.load is not None or bool(self.raters)
        return given and self.quality != "unlabeled"

    def read(self) -> CaseVolumes:
        """Read and check the images, and the label if there is one.

        Raises:
            DataError: If a file cannot be used, or the images do not lie on one grid.
        """
        if self.load is not None:
            case = self.load()
        else:
            images, label = self._images(), None
            if self.label is not None:
                label = read_label(self.label, self.labels, images[0], self.priority)
            case = CaseVolumes(self.case_id, images, label)
        for other in case.images[1:]:
            require_same_grid(case.images[0], other, self.case_id)
        return case

    def _images(self) -> tuple[Volume, ...]:
        if not self.stacked:
            return tuple(read_image(path) for path in self.images)
        images = read_channels(self.images[0])
        order = (
            self.order if self.order is not None and len(self.order) == len(images) else range(len(images))
        )
        return tuple(images[place] for place in order)


@dataclass(frozen=True)
class SourceDataset:
    """What a reader found: names, channels, class name to value (background first) and the cases in order.

    `ignore` is the value in the files of voxels that nobody labeled, where the source names it.
    """

    name: str
    channel_names: dict[str, str]
    labels: dict[str, int]
    cases: tuple[SourceCase, ...]
    extra: Mapping[str, Any] = field(default_factory=dict)
    ignore: int | None = None


class Reader(ABC):
    """One layout; a subclass says whether a folder has it, and what cases are in there."""

    uses_spacing: ClassVar[bool] = False
    """Whether `ReaderOptions.spacing` means something, since the files have no spacing of their own."""

    takes_raters: ClassVar[bool] = False
    """Whether labels of several readers are looked for, and `ReaderOptions.raters` means something."""

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

    def cases(self, source: Path, channels: int) -> tuple[SourceCase, ...]:
        """The cases of `source` for a model of so many channels, which does not ask for labels.

        Raises:
            DataError: If the layout is not complete.
        """
        return self.scan(source, ReaderOptions()).cases
