"""A dataset on disk: nnU-Net v2 raw layout plus `cases.csv`; MSD folders are opened as they are.

    dataset.json    channel_names, labels, numTraining, file_ending
    cases.csv       case_id, quality (hq|lq|unlabeled), split (train|val|test), group, source, rater,
                    classes_drawn
    imagesTr/ labelsTr/    split train and val          imagesTs/ labelsTs/    split test
    imagesUn/              images of split train and val without label

Without `cases.csv` every case with a label is `hq`, `imagesTr` is `train` and `imagesTs` is `test`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.data.case import CaseVolumes, Volume
from alcseg.data.channels import channel_order
from alcseg.data.dataset_case import Case
from alcseg.data.grids import require_same_grid
from alcseg.data.incomplete import require_drawn, take_out, undrawn_classes
from alcseg.data.layout import Layout, list_cases
from alcseg.data.named_values import require_named_values
from alcseg.data.nifti import read_image, read_label
from alcseg.errors import DataError
from alcseg.frames import to_frame
from alcseg.listing import has_file
from alcseg.records.cases import CaseRow
from alcseg.records.dataset import DatasetRecord
from alcseg.words import shorten

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A dataset folder; `Dataset.open` opens one.

    `dataset["heart_001"]` is a `Case`, `for case in dataset` goes through all, `len(dataset)` counts them.

    Attributes:
        root: The folder.
        record: What stands in `dataset.json`.
        rows: The cases, in the order of `cases.csv`, else by name.
    """

    root: Path
    record: DatasetRecord
    rows: tuple[CaseRow, ...]

    @classmethod
    def open(cls, root: "str | PathLike[str] | Dataset", *, require_images: bool = True) -> "Dataset":
        """Read `dataset.json` and `cases.csv`; no volume is opened.

        Args:
            root: The dataset folder; one that is open is not read again.
            require_images: Raise if an image file of a listed case is absent.

        Raises:
            DataError: If `dataset.json` or `cases.csv` is absent or malformed, or a case has no image.
        """
        folder = root if isinstance(root, Dataset) else cls._read(Path(root))
        absent = folder.absent_cases() if require_images else ()
        if stacked := [path for case_id in absent if (path := folder.stacked_image(case_id)) is not None]:
            raise DataError(
                f"{folder.root}: expected {len(folder.channel_names)} image files a case, one per channel, "
                f"found {shorten(stacked)}. Make a dataset of single channels with `alcseg import`."
            )
        if absent:
            raise DataError(
                f"{CaseRow.path(folder.root)}: expected image files for all {len(folder.rows)} cases, found "
                f"none for {shorten(absent)}. Restore the files or remove the lines."
            )
        return folder

    @classmethod
    def _read(cls, root: Path) -> "Dataset":
        if not has_file(DatasetRecord.path(root)):
            raise DataError(
                f"{root}: expected a dataset folder with {DatasetRecord.NAME}, found none. "
                "Make one with `alcseg import SRC DST`, or check the path."
            )
        record = DatasetRecord.read(root)
        rows = CaseRow.read(root) if has_file(CaseRow.path(root)) else list_cases(root, record)
        for row in rows:
            undrawn_classes(row, record.labels)  # raises where a name is unknown
        return cls(root, record, rows)

    def __fspath__(self) -> str:
        return str(self.root)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {
            "root": self.root,
            "name": self.name,
            "channel_names": self.channel_names,
            "labels": self.labels,
            "file_ending": self.file_ending,
            "rows": self.rows,
            "meta": self.record.content(),
        }

    @property
    def name(self) -> str:
        """Name of the dataset."""
        return self.record.name

    @property
    def channel_names(self) -> dict[str, str]:
        """Channel number to name, as nnU-Net writes them."""
        return self.record.channel_names

    @property
    def labels(self) -> dict[str, int]:
        """Class name to value, background first, then by value."""
        return self.record.labels

    @property
    def file_ending(self) -> str:
        """`.nii.gz` or `.nii`."""
        return self.record.file_ending

    @property
    def ignore(self) -> int | None:
        """Value in label files of voxels that nobody labeled, which is no class; None if there is none."""
        return self.record.ignore

    @property
    def incomplete(self) -> bool:
        """Whether label files may mark voxels that nobody labeled, or a class was not drawn in some case."""
        return self.ignore is not None or any(self.undrawn(row.case_id) for row in self.rows)

    @cached_property
    def label_values(self) -> tuple[int, ...]:
        """Values of all classes, background first."""
        return tuple(self.labels.values())

    @cached_property
    def label_names(self) -> tuple[str, ...]:
        """Names of all classes in the order of `label_values`."""
        return tuple(self.labels)

    @cached_property
    def _layout(self) -> Layout:
        return Layout(self.root, self.file_ending, len(self.channel_names))

    @cached_property
    def _by_id(self) -> dict[str, CaseRow]:
        return {row.case_id: row for row in self.rows}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Case]:
        return (Case(self, row) for row in self.rows)

    def __getitem__(self, case_id: str) -> Case:
        return Case(self, self.row(case_id))

    def select(self, *, split: str | None = None, quality: str | None = None) -> tuple[Case, ...]:
        """The cases of a split and a quality, in order; None stands for any."""
        return tuple(Case(self, row) for row in self.rows_where(split=split, quality=quality))

    def to_frame(self) -> "DataFrame":
        """A line per case with the columns of `cases.csv`; needs pandas."""
        return to_frame(self.rows)

    def plot(self, cases: int = 6) -> "Figure":
        """Slices through some cases, evenly chosen, with the outlines of their labels."""
        from alcseg.views.dataset import figure

        return figure(self, cases)

    def _repr_html_(self) -> str:
        from alcseg.views.dataset import html

        return html(self)

    def undrawn(self, case_id: str) -> tuple[int, ...]:
        """Indices of the classes that were not drawn in a case, background being 0; none where all were.

        Raises:
            DataError: If there is no such case, or its `classes_drawn` names an unknown class.
        """
        return undrawn_classes(self.row(case_id), self.labels)

    def rows_where(self, *, split: str | None = None, quality: str | None = None) -> tuple[CaseRow, ...]:
        """The lines of a split and a quality, in order; None stands for any."""
        return tuple(
            row for row in self.rows if split in (None, row.split) and quality in (None, row.quality)
        )

    def require_labels(self, labels: Mapping[str, int], trained: Path) -> None:
        """Refuse a run that knows other classes: it would swap organs silently.

        Args:
            labels: Name to label value that the run knows.
            trained: Its folder.

        Raises:
            DataError: If they are not those of this dataset.
        """
        if labels != self.labels:
            raise DataError(
                f"{self.root}: expected the labels {labels} that {trained} was trained on, found "
                f"{self.labels}. Name the dataset it was trained on, or train on this one."
            )

    def require_channels(self, channel_names: Sequence[str], trained: Path) -> None:
        """Refuse a run that knows other channels, or the same in another order.

        Args:
            channel_names: Names of the channels that the run knows, in order.
            trained: Its folder.

        Raises:
            DataError: If they are not those of this dataset; of a single one the name does not count.
        """
        here = tuple(self.channel_names.values())
        if channel_order(here, channel_names, self.root) != tuple(range(len(here))):
            raise DataError(
                f"{self.root}: expected the channels in the order {', '.join(channel_names)} that "
                f"{trained} was trained on, found {', '.join(here)}. Number them so in {DatasetRecord.NAME}."
            )

    def trusting(self, case_ids: Collection[str]) -> "Dataset":
        """The same with other qualities: these labels are HQ, all others but those of test cases LQ."""
        rows = tuple(
            row
            if row.split == "test" or row.quality == "unlabeled"
            else row.model_copy(update={"quality": "hq" if row.case_id in case_ids else "lq"})
            for row in self.rows
        )
        return replace(self, rows=rows)

    def row(self, case_id: str) -> CaseRow:
        """The line of one case.

        Raises:
            DataError: If there is no such case.
        """
        try:
            return self._by_id[case_id]
        except KeyError:
            raise DataError(
                f"{self.root}: expected a case of this dataset, found no '{case_id}'. Check the name."
            ) from None

    def absent_cases(self) -> tuple[str, ...]:
        """Cases listed in `cases.csv` of which an image file is absent."""
        return tuple(row.case_id for row in self.rows if not self._layout.images(row))

    def stacked_image(self, case_id: str) -> Path | None:
        """The one file of all channels of a case, as the decathlon has them; None if there is none."""
        return self._layout.stacked_image(self.row(case_id))

    def image_paths(self, case_id: str) -> tuple[Path, ...]:
        """Image files of a case, one per channel.

        Raises:
            DataError: If one is absent.
        """
        return self._layout.require_images(self.row(case_id))

    def label_path(self, case_id: str) -> Path | None:
        """Label file of a case; None if there is none."""
        path = self.root / self._layout.label(self.row(case_id))
        return path if has_file(path) else None

    def read(self, case_id: str, *, with_label: bool = True) -> CaseVolumes:
        """Read and check one case.

        Args:
            case_id: The case.
            with_label: Whether to read the label; a case declared `unlabeled` has none then, too.

        Raises:
            DataError: If a file cannot be used, or a label is absent and the case not declared `unlabeled`.
            GeometryError: If channels or label do not share one grid.
            LabelError: If the label holds values that `dataset.json` does not name.
        """
        images = tuple(read_image(path) for path in self.image_paths(case_id))
        for other in images[1:]:
            require_same_grid(images[0], other, case_id)
        if not with_label or self.row(case_id).quality == "unlabeled":
            return CaseVolumes(case_id, images, None)
        label = self.read_label(case_id)
        require_same_grid(images[0], label, case_id)
        return CaseVolumes(case_id, images, label)

    def read_label(self, case_id: str) -> Volume:
        """Read the label of one case and check its values, without its images.

        Voxels that nobody labeled are background in it, and `known` tells them; see `incomplete.py`.

        Raises:
            DataError: If it is absent or cannot be read.
            LabelError: If it holds values that `dataset.json` does not name, or a class that `classes_drawn`
                leaves out.
        """
        path = self.label_path(case_id)
        if path is None:
            raise DataError(
                f"{self.root}: expected the label {self._layout.label(self.row(case_id))}, found none. "
                f"Add it, or set the quality of '{case_id}' to unlabeled in {CaseRow.NAME}."
            )
        label = self.read_label_file(path)
        require_drawn(label, self.undrawn(case_id), self.labels)
        return label

    def read_label_file(self, path: Path) -> Volume:
        """Read a label map in the values of this dataset, wherever it lies; `known` as of `read_label`.

        Raises:
            DataError: If it cannot be read.
            LabelError: If it holds values that `dataset.json` does not name.
        """
        label = take_out(read_label(path), self.ignore, self.label_values[0])
        require_named_values(label, self.labels)
        return label
