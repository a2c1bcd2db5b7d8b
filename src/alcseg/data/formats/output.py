"""Label maps for other programs: the files of `--as`, their names, and what stands beside them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.formats import FORMATS, Format, bids
from alcseg.data.formats.colors import write_color_table
from alcseg.data.formats.dicom_label import DICOMLabelFormat
from alcseg.data.formats.dicom_seg import NEEDED
from alcseg.errors import DataError, UsageError
from alcseg.listing import has_folder
from alcseg.types import LabelMap
from alcseg.words import did_you_mean

__all__ = ["OUTPUTS", "LabelOutput"]

_BIDS, _DICOM, _NIFTI = "bids", "dicom-seg", "nifti"
OUTPUTS = (_BIDS, *FORMATS)
"""What `--as` takes."""


@dataclass(frozen=True)
class LabelOutput:
    """How the label maps of a call are written; `LabelOutput.of` checks what was asked for.

    Attributes:
        name: Of `OUTPUTS`.
        labels: Class name to value, background first.
        format: Writes the files.
        series: DICOM series of cases.
    """

    name: str
    labels: Mapping[str, int]
    format: Format
    series: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        labels: Mapping[str, int],
        images: Mapping[str, Path],
        *,
        series: Path | None = None,
        labelmap: bool = False,
    ) -> "LabelOutput":
        """Check options and find the series of each case, before any work.

        Args:
            name: Of `OUTPUTS`.
            labels: Class name to value, background first.
            images: File or DICOM folder of each case.
            series: Folder of the DICOM series of the only case, or with one named like each case below it.
            labelmap: Write DICOM-SEG of the type LABELMAP instead of BINARY.

        Raises:
            UsageError: If there is no such output, or options do not go together.
            DataError: If a DICOM-SEG is asked for and a case has no series.
        """
        if name not in OUTPUTS:
            raise UsageError(
                f"--as: expected one of {', '.join(OUTPUTS)}, got '{name}'.{did_you_mean(name, OUTPUTS)}"
            )
        if name != _DICOM:
            if series is not None or labelmap:
                raise UsageError(
                    f"{'--labelmap' if labelmap else '--series'}: expected --as {_DICOM} beside it, got --as "
                    f"{name}. Leave it out."
                )
            return cls(name, labels, FORMATS[_NIFTI if name == _BIDS else name])
        known = {case_id: path for case_id, path in images.items() if has_folder(path)}
        if series is not None:
            known = _series_below(series, list(images))
        if unknown := [case_id for case_id in images if case_id not in known]:
            raise DataError(
                f"case '{unknown[0]}': {NEEDED}, found {images[unknown[0]]}. Name its folder with --series."
            )
        return cls(name, labels, DICOMLabelFormat(labelmap=labelmap), known)

    @property
    def described(self) -> str:
        """Name and options, for a record."""
        labelmap = isinstance(self.format, DICOMLabelFormat) and self.format.labelmap
        return f"{self.name} labelmap" if labelmap else self.name

    def file_name(self, case_id: str) -> str:
        """Where the label map of a case is written, from the output folder."""
        return bids.file_name(case_id) if self.name == _BIDS else f"{case_id}{self.format.endings[0]}"

    def write(self, folder: Path, case_id: str, values: LabelMap, like: Volume) -> None:
        """Write the label map of a case on the grid of `like`.

        Raises:
            DataError: If the case cannot be written like this.
            PackageError: If the package that writes the format is not installed.
        """
        place = replace(like, path=self.series[case_id]) if case_id in self.series else like
        self.format.write_label(folder / self.file_name(case_id), values, place, self.labels)
        if self.name == _BIDS:
            bids.write_sidecar(folder, case_id)

    def write_dataset(self, dataset: Dataset, folder: Path) -> None:
        """Write the label maps of the cases that train and validate, and what stands beside them.

        Raises:
            DataError: If one cannot be written like this.
            PackageError: If the package that writes the format is not installed.
        """
        named = replace(self, labels=dataset.labels)
        for row in dataset.rows:
            if row.split != "test" and dataset.label_path(row.case_id) is not None:
                label = dataset.read_label(row.case_id)
                named.write(folder, row.case_id, label.array, label)
        named.finish(folder)

    def finish(self, folder: Path) -> None:
        """Write what stands beside the label maps: names and colors, where the files do not hold them."""
        if self.name == _BIDS:
            bids.write_description(folder, self.labels)
        elif self.name != _NIFTI and not self.format.names_classes:
            write_color_table(folder, self.labels)


def _series_below(root: Path, case_ids: list[str]) -> dict[str, Path]:
    """The series of each case: the only one for the only case, else by its name."""
    from alcseg.data.readers.dicom_files import series_folders  # which imports the formats

    if not has_folder(root):
        raise DataError(
            f"--series: expected a folder with DICOM series, found none at {root}. Check the path."
        )
    folders = list(series_folders(root))
    if len(folders) == len(case_ids) == 1:
        return {case_ids[0]: folders[0]}
    from alcseg.data.readers.dicom import series_name

    named = {series_name(folder): folder for folder in folders}
    named |= {series_name(folder, root): folder for folder in folders}
    return {case_id: named[case_id] for case_id in case_ids if case_id in named}
