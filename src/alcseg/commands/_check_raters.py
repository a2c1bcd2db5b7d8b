"""What `alcseg check` says of the labels that single readers drew, in `labelsRaters/`.

No training reads them, but `raters` and `audit` do: a label on another grid, or of values that nobody named,
would stop these or make a reader seem worse than he is.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from alcseg.checking import Finding
from alcseg.commands._raters_alike import LabelsAlike, not_drawn
from alcseg.data.case import Volume
from alcseg.data.folder import Dataset
from alcseg.data.grids import compare_grids, onto_grid
from alcseg.data.incomplete import put_back
from alcseg.data.rater_labels import RATERS, rater_labels, split_names
from alcseg.data.unused import unused_files
from alcseg.data.writer import write_label
from alcseg.errors import DataError
from alcseg.records.cases import CaseRow
from alcseg.types import LabelMap
from alcseg.words import shorten

__all__ = ["RaterCheck"]

_log = logging.getLogger(__name__)


@dataclass
class RaterCheck:
    """Looks at the readers' labels case by case; without any it finds nothing.

    Attributes:
        folder: The dataset.
        files: Label files by case and reader.
        alike: Labels met so far, for copies among them.
        drew: By reader, the cases whose label could be read, and whether something was drawn.
        faults: Of the folders; without any they are not looked into.
    """

    folder: Dataset
    files: dict[str, dict[str, Path]]
    alike: LabelsAlike
    drew: dict[str, dict[str, bool]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Dataset) -> "RaterCheck":
        """Of a dataset."""
        found = cls(folder, {}, LabelsAlike(folder.label_values[0]))
        try:
            found.files |= rater_labels(folder)
        except DataError as error:  # of the names of folders
            found.faults.append(str(error))
        return found

    def case(self, case_id: str, image: Volume, *, fix: bool) -> Iterator[Finding | Path]:
        """Findings about the labels of a case, and the files that were given the grid of the image."""
        labels: dict[str, LabelMap] = {}
        for rater, path in self.files.get(case_id, {}).items():
            try:
                label = self.folder.read_label_file(path)
            except DataError as error:
                yield Finding("fatal", case_id, f"label of {rater}: {error}")
                continue
            found = compare_grids(image, label)
            if found.grade == "fatal":
                message = f"label of {rater}, {path}: {found.difference} of the image. Resample the label."
                yield Finding("fatal", case_id, message)
                continue
            if found.grade == "repairable" and not fix:
                message = (
                    f"label of {rater}, {path}: {found.difference} of the image. If the voxels do match, "
                )
                yield Finding("repairable", case_id, f"{message}run --fix.")
            elif found.grade == "repairable":
                whole = replace(label, array=put_back(label.array, label.known, self.folder.ignore))
                write_label(path, onto_grid(image, whole), image)
                _log.info("%s: put onto the grid of the image (%s)", path, found.difference)
                yield path
            labels[rater] = label.array
            self.drew.setdefault(rater, {})[case_id] = bool(
                np.any(label.array != self.folder.label_values[0])
            )
        self.alike.meet(case_id, labels)

    def whole(self) -> Iterator[Finding]:
        """Findings about readers, once all cases were met."""
        if self.faults:
            yield from (Finding("fatal", "", fault) for fault in self.faults)
            return
        for rater, cases in sorted(self.drew.items()):
            empty = [case_id for case_id, drawn in cases.items() if not drawn]
            if len(empty) == len(cases):
                message = (
                    f"all {len(cases)} labels of {rater} are empty. Check the files in {RATERS}/{rater}."
                )
                yield Finding("fatal", "", message, "reader", float(len(empty)))
            elif empty:
                message = (
                    f"{len(empty)} label(s) of {rater} hold background only: {shorten(empty)}. Fine if true."
                )
                yield Finding("ok", "", message, "reader", float(len(empty)))
        for sentence in self.alike.sentences():
            yield Finding("ok", "", f"{sentence}.", "reader", 0.0)
        yield from self._absent()
        folder = self.folder.root / RATERS
        used = [path for files in self.files.values() for path in files.values()]
        if unused := unused_files([folder], used):
            message = (
                f"{len(unused)} file(s) in {RATERS} are of no case: {shorten(unused)}. Rename them like "
                f"their images, as {self.folder.file_ending}, or move them out."
            )
            yield Finding("ok", "", message)

    def _absent(self) -> Iterator[Finding]:
        """Cases that others drew, and readers whom the table names without a file."""
        if not self.files:  # as an archive leaves them out
            return
        drew = {case_id: set(files) for case_id, files in self.files.items()}
        said = {row.case_id: split_names(row.rater) for row in self.folder.rows}
        everybody = {case_id: drew.get(case_id, set()) | set(raters) for case_id, raters in said.items()}
        for rater, cases in not_drawn(everybody).items():
            message = f"{rater} did not draw {len(cases)} of the cases that others drew: {shorten(cases)}."
            yield Finding("ok", "", f"{message} Fine if true.", "reader", float(len(cases)))
        for case_id, raters in said.items():
            if len(raters) > 1 and (lost := sorted(set(raters) - drew.get(case_id, set()))):
                message = (
                    f"{CaseRow.NAME} says that {', '.join(raters)} drew it, and {RATERS} has no label of "
                    f"{', '.join(lost)}. Restore the file, or correct the table."
                )
                yield Finding("ok", case_id, message, "reader", float(len(lost)))
