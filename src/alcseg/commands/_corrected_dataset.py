"""The dataset folder that `correct` writes: what is taken over, and label values on the way out."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.data.case import Volume
from alcseg.data.folder import DatasetFolder
from alcseg.data.writer import write_label
from alcseg.files import link_or_copy
from alcseg.records.cases import CaseRow

__all__ = ["CorrectedDataset"]


@dataclass(frozen=True, eq=False)
class CorrectedDataset:
    """A dataset folder under construction beside its source, which is only read.

    Only images and the labels of `cases.csv` are taken over; `noise.json` and `labelsClean` are not even
    looked at.

    Attributes:
        root: The new folder.
        source: The dataset that is corrected.
        mapping: Label value of the source to label value here.
    """

    root: Path
    source: DatasetFolder
    mapping: Mapping[int, int]

    @classmethod
    def of(cls, root: Path, source: DatasetFolder, *, consecutive: bool) -> "CorrectedDataset":
        """Plan the folder; `consecutive` numbers the labels 0, 1, 2, ... as nnU-Net wants them."""
        values = source.label_values
        return cls(
            root, source, {value: index if consecutive else value for index, value in enumerate(values)}
        )

    @property
    def renumbered(self) -> bool:
        """Whether any label value differs from the source."""
        return any(old != new for old, new in self.mapping.items())

    def write_label(self, folder: str, case_id: str, values: NDArray[Any], like: Volume) -> None:
        """Write a label map given in the source's values."""
        write_label(self._path(folder, case_id), self._mapped(values), like)

    def take_label(self, case_id: str, *, into: str) -> None:
        """Take over a label: a copy of the file, or a renumbered one."""
        path = self.source.label_path(case_id)
        if path is None:
            return
        if self.renumbered:
            label = self.source.read_label(case_id)
            write_label(self._path(into, case_id), self._mapped(label.array), label)
        else:
            # Not linked: an editor that later saves the label in place must not reach into the source.
            target = self._path(into, case_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)

    def take_images(self, case_id: str) -> None:
        """Take over the images; a training case that has got a label here belongs into `imagesTr`."""
        for channel, path in enumerate(self.source.image_paths(case_id)):
            labeled = self._path("labelsTr", case_id).is_file()
            folder = "imagesTr" if labeled else path.parent.name
            link_or_copy(path, self.root / folder / f"{case_id}_{channel:04d}{self.source.file_ending}")

    def finish(self) -> None:
        """Write `cases.csv` and `dataset.json`."""
        record = self.source.record
        extra = dict(record.extra)
        if self.renumbered:
            extra["original_label_values"] = record.labels
        changes = {
            "labels": {name: self.mapping[value] for name, value in record.labels.items()},
            "num_training": len(list((self.root / "imagesTr").glob(f"*_0000{record.file_ending}"))),
            "extra": extra,
        }
        record.model_copy(update=changes).write(self.root)
        CaseRow.write(self.root, self.source.rows)

    def _path(self, folder: str, case_id: str) -> Path:
        return self.root / folder / f"{case_id}{self.source.file_ending}"

    def _mapped(self, values: NDArray[Any]) -> NDArray[Any]:
        if not self.renumbered:
            return values
        old = np.array(sorted(self.mapping))
        new = np.array([self.mapping[int(value)] for value in old])
        return new[np.searchsorted(old, values)]
