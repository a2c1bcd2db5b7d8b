"""nnU-Net v2 raw datasets, and the dataset folders of this project, which are such with a `cases.csv`."""

from pathlib import Path

from alcseg.data.folder import Dataset
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.files import read_json
from alcseg.listing import has_file, has_folder
from alcseg.records.cases import CaseRow

__all__ = ["NNUNetReader"]


class NNUNetReader(Reader):
    """`imagesTr/<case>_0000.nii.gz`, `labelsTr/<case>.nii.gz`, and `imagesTs labelsTs imagesUn` if there."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether `dataset.json` stands beside `imagesTr` and has no list of training pairs."""
        table = source / "dataset.json"
        if not has_file(table) or not has_folder(source / "imagesTr"):
            return False
        content = read_json(table)
        return isinstance(content, dict) and not isinstance(content.get("training"), list)

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases with the splits and qualities that the folder gives."""
        folder = Dataset.open(source)
        drawn = has_file(CaseRow.path(source))
        cases = []
        for row in folder.rows:
            images = folder.image_paths(row.case_id)
            cases.append(
                SourceCase(
                    row.case_id,
                    images,
                    folder.label_path(row.case_id),
                    quality=row.quality,
                    split=row.split if drawn or row.split == "test" else None,
                    group=row.group,
                    source=images[0].relative_to(source).as_posix(),
                )
            )
        return SourceDataset(
            folder.name, folder.channel_names, folder.labels, tuple(cases), folder.record.extra
        )
