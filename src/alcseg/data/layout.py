"""Where the files of a dataset folder lie; see `folder.py`. No volume is opened."""

from dataclasses import dataclass
from pathlib import Path

from alcseg.case_ids import check_case_id
from alcseg.data.formats import file_stem, volume_stem
from alcseg.errors import DataError
from alcseg.listing import by_name, has_file, has_folder, list_files
from alcseg.records.cases import CaseRow, Split
from alcseg.records.dataset import DatasetRecord

__all__ = ["GIVEN", "LABELS", "Layout", "is_dataset", "label_files", "list_cases"]

GIVEN = "labelsGiven"
"""Folder of the labels as they came, in a dataset that was corrected."""

LABELS: dict[Split, str] = {"train": "labelsTr", "val": "labelsTr", "test": "labelsTs"}
"""Folder of the labels of each split."""
_IMAGES = {"train": ("imagesTr", "imagesUn"), "val": ("imagesTr", "imagesUn"), "test": ("imagesTs",)}
_PLACES: tuple[tuple[str, str, Split], ...] = (  # of images, of labels, and the split where no table says it
    ("imagesTr", "labelsTr", "train"),
    ("imagesUn", "", "train"),
    ("imagesTs", "labelsTs", "test"),
)


@dataclass(frozen=True)
class Layout:
    """Paths in one dataset folder.

    Attributes:
        root: The folder.
        ending: Of image and label files.
        channels: How many image files a case has.
    """

    root: Path
    ending: str
    channels: int

    def images(self, row: CaseRow) -> tuple[Path, ...]:
        """Image files of a case, one per channel; none where one is absent."""
        for name in _IMAGES[row.split]:
            folder = self.root / name
            paths = [folder / f"{row.case_id}_{index:04d}{self.ending}" for index in range(self.channels)]
            if all(has_file(path) for path in paths):
                return tuple(paths)
            plain = folder / f"{row.case_id}{self.ending}"
            if len(paths) == 1 and has_file(plain):
                return (plain,)
        return ()

    def require_images(self, row: CaseRow) -> tuple[Path, ...]:
        """The same.

        Raises:
            DataError: If one is absent.
        """
        if paths := self.images(row):
            return paths
        folders = " or ".join(_IMAGES[row.split])
        raise DataError(
            f"{self.root}: expected {self.channels} image file(s) of case '{row.case_id}' as "
            f"{folders}/{row.case_id}_0000{self.ending}, found none or too few. "
            f"Restore them or remove the case from {CaseRow.NAME}."
        )

    def stacked_image(self, row: CaseRow) -> Path | None:
        """The one file of all channels of a case, as the decathlon has them; None if there is none."""
        names = (f"{name}/{row.case_id}{self.ending}" for name in _IMAGES[row.split])
        plain = next((self.root / name for name in names if has_file(self.root / name)), None)
        return plain if self.channels > 1 and not self.images(row) else None

    def label(self, row: CaseRow) -> str:
        """Where the label of a case lies or would, from the root."""
        return f"{LABELS[row.split]}/{row.case_id}{self.ending}"


def is_dataset(path: Path) -> bool:
    """Whether a folder is a dataset; nnU-Net puts a `dataset.json` beside predictions, too."""
    return has_file(DatasetRecord.path(path)) and any(has_folder(path / name) for name in LABELS.values())


def label_files(path: Path) -> dict[str, Path]:
    """Label maps of a folder by case, of any format; of a dataset folder those of training and test cases.

    DICOM files are label maps only where there are no others, since images are such files, too.

    Raises:
        DataError: If there is no such folder, a case has two label maps, or an entry cannot be opened.
    """
    if not has_folder(path):
        raise DataError(f"{path}: expected a folder of label maps, found none. Check the path.")
    folders = [path / name for name in dict.fromkeys(LABELS.values())] if is_dataset(path) else [path]
    files = [file for folder in folders for file in list_files(folder)]
    named = [(file, name) for file in files if (name := file_stem(file)) is not None]
    if not named:
        named = [(file, name) for file in files if (name := volume_stem(file)) is not None]
    return by_name((check_case_id(name, file), file) for file, name in named)


def list_cases(root: Path, record: DatasetRecord) -> tuple[CaseRow, ...]:
    """The cases of a dataset folder without a table, by name.

    Raises:
        DataError: If there are none, or a name is there twice.
    """
    ending = record.file_ending
    rows = []
    places: dict[str, str] = {}
    for images, labels, split in _PLACES:
        for case_id in _case_ids(root / images, ending):
            if places.setdefault(case_id, images) != images:
                raise DataError(
                    f"{root}: expected each case name once, found '{case_id}' in {places[case_id]} and "
                    f"{images}. Rename one of them."
                )
            labeled = images == "imagesTr" or (
                labels != "" and has_file(root / labels / f"{case_id}{ending}")
            )
            quality = record.label_quality.get(case_id, "hq") if labeled else "unlabeled"
            check_case_id(case_id, root / images)
            rows.append(CaseRow(case_id=case_id, quality=quality, split=split))
    if not rows:
        raise DataError(
            f"{root}: expected images named imagesTr/<case>_0000{ending}, found none. Check the folder."
        )
    return tuple(rows)


def _case_ids(folder: Path, ending: str) -> list[str]:
    stems = {path.name[: -len(ending)] for path in list_files(folder, f"*{ending}")}
    return sorted({stem[:-5] if stem[-5:-4] == "_" and stem[-4:].isdigit() else stem for stem in stems})
