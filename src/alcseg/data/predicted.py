"""Predicted label maps on disk, with the record of how they were made."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alcseg.data.case import Volume
from alcseg.data.formats import read_image, read_label
from alcseg.data.nifti import read_map
from alcseg.data.readers.dicom import read_series
from alcseg.errors import DataError
from alcseg.frames import to_frame
from alcseg.listing import has_folder
from alcseg.records.predictions import PredictionRecord
from alcseg.types import Affine, FloatArray, LabelMap, Spacing

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["PredictedMaps", "Predictions"]


@dataclass(frozen=True, eq=False)
class Predictions:
    """What `alcseg predict` wrote; `Predictions.open` opens it again.

    `predictions["heart_001"]` gives the maps of a case, `for case in predictions` goes through all.

    Attributes:
        path: The folder.
        record: What became of each case, and by what.
    """

    path: Path
    record: PredictionRecord

    @classmethod
    def open(cls, path: "str | PathLike[str] | Predictions") -> "Predictions":
        """Read `predict.json`; no volume is opened, and an open folder is not read again.

        Raises:
            DataError: If it is absent or damaged.
        """
        return path if isinstance(path, Predictions) else cls(Path(path), PredictionRecord.read(Path(path)))

    def __fspath__(self) -> str:
        return str(self.path)

    def to_document(self) -> dict[str, Any]:
        """What the command line prints."""
        return {name: getattr(self, name) for name in ("out", "written", "failed", "record")}

    @property
    def out(self) -> Path:
        """The folder."""
        return self.path

    @cached_property
    def written(self) -> dict[str, Path]:
        """Label map of each case that was predicted."""
        cases = self.record.cases.items()
        return {case_id: self.path / case.label for case_id, case in cases if case.label is not None}

    @cached_property
    def failed(self) -> dict[str, str]:
        """Message of each case that was not."""
        cases = self.record.cases.items()
        return {case_id: case.error or "" for case_id, case in cases if case.status == "failed"}

    def __len__(self) -> int:
        return len(self.written)

    def __iter__(self) -> "Iterator[PredictedMaps]":
        return (PredictedMaps(self, case_id) for case_id in self.written)

    def __getitem__(self, case_id: str) -> "PredictedMaps":
        if case_id not in self.written:
            why = self.failed.get(case_id, "there is no such case")
            raise DataError(f"{self.path}: expected a prediction of '{case_id}', found none ({why}).")
        return PredictedMaps(self, case_id)

    def to_frame(self) -> "DataFrame":
        """A line per case with its state and the volume of each class in mm³; needs pandas."""
        return to_frame(
            {
                "case_id": case_id,
                "status": case.status,
                **{f"{name}_mm3": volume for name, volume in case.volume_mm3.items()},
                "time_s": case.time_s,
                "error": case.error,
            }
            for case_id, case in self.record.cases.items()
        )


@dataclass(frozen=True, eq=False)
class PredictedMaps:
    """What was predicted of one case; arrays are read when first asked for.

    Attributes:
        predictions: Whose.
        case_id: Name of the case.
    """

    predictions: Predictions = field(repr=False)
    case_id: str

    @cached_property
    def volume(self) -> Volume:
        """The label map with its affine and header, on the grid of the image."""
        path = self.predictions.written[self.case_id]
        if self.predictions.record.label_format.startswith("dicom-seg"):  # which leaves empty slices out
            place = Path(self.predictions.record.cases[self.case_id].inputs[0])
            image = read_series(place) if has_folder(place) else read_image(place)
            return read_label(path, self.predictions.record.labels, image)
        return read_label(path, self.predictions.record.labels)

    @property
    def label(self) -> LabelMap:
        """Label values, `(X, Y, Z)`."""
        return self.volume.array

    @property
    def affine(self) -> Affine:
        """Voxel index to RAS millimetres, `(4, 4)`."""
        return self.volume.affine

    @property
    def spacing(self) -> Spacing:
        """Voxel size in mm, in axis order."""
        return self.volume.spacing

    @cached_property
    def uncertainty(self) -> FloatArray | None:
        """Per voxel, `(X, Y, Z)`; None where none was asked for."""
        return self._map(self.predictions.record.cases[self.case_id].uncertainty)

    @cached_property
    def probabilities(self) -> FloatArray | None:
        """Of each class, `(X, Y, Z, K)`; None where none were asked for."""
        return self._map(self.predictions.record.cases[self.case_id].probabilities)

    def _map(self, name: str | None) -> FloatArray | None:
        return None if name is None else read_map(self.predictions.path / name)
