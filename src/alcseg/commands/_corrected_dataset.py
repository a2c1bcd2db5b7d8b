"""The dataset folder that `correct` writes: what is taken over, and label values on the way out."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.given import list_given_labels, require_given_labels
from alcseg.data.incomplete import put_back
from alcseg.data.layout import GIVEN
from alcseg.data.nifti import read_label
from alcseg.data.rater_labels import RATERS, rater_labels
from alcseg.data.writer import renamed, write_label, write_map
from alcseg.files import copy_into, link_or_copy
from alcseg.listing import has_file, list_files
from alcseg.records.cases import CaseRow
from alcseg.types import LabelMap

__all__ = ["CorrectedDataset"]


@dataclass(frozen=True, eq=False)
class CorrectedDataset:
    """A dataset folder under construction beside its source, which is only read.

    Only images, the labels of `cases.csv` and those kept from earlier rounds are taken over; `noise.json` and
    `labelsClean` are not even looked at.

    Attributes:
        root: The new folder.
        source: The dataset that is corrected.
        mapping: Label value of the source to label value here, that of voxels to ignore among them.
        doubted: Cases whose labels are doubted: they are not `hq` here, whatever the source calls them.
        added: Classes that `correct` drew in a case in which nobody had, by case.
    """

    root: Path
    source: Dataset
    mapping: Mapping[int, int]
    doubted: Collection[str] = ()
    added: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, root: Path, source: Dataset, *, consecutive: bool, doubted: Collection[str] = ()
    ) -> "CorrectedDataset":
        """Plan the folder; `consecutive` numbers the labels 0, 1, 2, ... as nnU-Net wants them."""
        values = (*source.label_values, *([] if source.ignore is None else [source.ignore]))
        mapping = {value: index if consecutive else value for index, value in enumerate(values)}
        return cls(root, source, mapping, doubted)

    @property
    def renumbered(self) -> bool:
        """Whether any label value differs from the source."""
        return any(old != new for old, new in self.mapping.items())

    def take_over(self, rows: Iterable[CaseRow]) -> None:
        """Take over cases as they are."""
        for row in rows:
            path = self.source.label_path(row.case_id)
            if path is not None:
                self._take_label(path, path.parent.name)
            self._take_images(row.case_id)

    def take_given_labels(self) -> None:
        """Take over the labels that earlier rounds have kept, and those of single readers.

        Of a case the first label is the one that came.

        Raises:
            DataError: If one of those is gone.
        """
        require_given_labels(self.source)
        for path in list_files(self.source.root / GIVEN, f"*{self.source.file_ending}"):
            self._take_label(path, GIVEN)
        for files in rater_labels(self.source).values():
            for rater, path in files.items():
                self._take_label(path, f"{RATERS}/{rater}")

    def write_case(self, case_id: str, written: LabelMap, uncertainty: Volume, given: Volume | None) -> None:
        """Write what was decided for a case.

        Args:
            case_id: The case.
            written: The label, in the source's values; voxels that nobody labeled get back their value.
            uncertainty: u per voxel, on the grid of the images.
            given: The label as it came, if there was one.
        """
        whole = put_back(written, None if given is None else given.known, self.source.ignore)
        write_label(self._path("labelsTr", case_id), renamed(whole, self.mapping), given or uncertainty)
        write_map(self.root / "uncertainty" / f"{case_id}.nii.gz", uncertainty.array, uncertainty)
        if given is not None and not has_file(self._path(GIVEN, case_id)):
            self._take_label(given.path, GIVEN)
        self._take_images(case_id)

    def finish(self) -> None:
        """Write `cases.csv`, `dataset.json` and the list of the labels that are kept as they came."""
        list_given_labels(self.root, self.source.file_ending)
        record = self.source.record
        extra = dict(record.extra)
        if self.renumbered:
            extra["original_label_values"] = record.labels
        changes = {
            "labels": {name: self.mapping[value] for name, value in record.labels.items()},
            "ignore": None if record.ignore is None else self.mapping[record.ignore],
            "num_training": len(list((self.root / "imagesTr").glob(f"*_0000{record.file_ending}"))),
            "extra": extra,
        }
        record.model_copy(update=changes).write(self.root)
        CaseRow.write(self.root, map(self._row, self.source.rows))

    def _row(self, row: CaseRow) -> CaseRow:
        """The line of a case: whether its label is doubted, and the classes that are drawn in it now."""
        if row.case_id in self.doubted and row.quality == "hq":  # an audit has told it from the others
            row = row.model_copy(update={"quality": "lq"})
        if row.drawn is None or row.case_id not in self.added:
            return row
        drawn = {*row.drawn, *self.added[row.case_id]}
        names = [name for name in self.source.label_names[1:] if name in drawn]
        all_of_them = len(names) == len(self.source.label_names) - 1
        return row.model_copy(update={"classes_drawn": "" if all_of_them else ";".join(names)})

    def _take_label(self, path: Path, folder: str) -> None:
        """A copy of the file, or a renumbered one."""
        target = self.root / folder / path.name
        if self.renumbered:
            self.source.read_label_file(path)  # raises where a value has no name
            label = read_label(path)
            write_label(target, renamed(label.array, self.mapping), label)
        else:
            copy_into(path, target.parent)

    def _take_images(self, case_id: str) -> None:
        """Images as they are; a training case that has got a label here belongs into `imagesTr`."""
        labeled = has_file(self._path("labelsTr", case_id))
        for channel, path in enumerate(self.source.image_paths(case_id)):
            folder = "imagesTr" if labeled else path.parent.name
            link_or_copy(path, self.root / folder / f"{case_id}_{channel:04d}{self.source.file_ending}")

    def _path(self, folder: str, case_id: str) -> Path:
        return self.root / folder / f"{case_id}{self.source.file_ending}"
