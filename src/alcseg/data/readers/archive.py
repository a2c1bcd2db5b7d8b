"""Archives that `alcseg import --archive` wrote, back to the voxels they were made of."""

from functools import partial
from pathlib import Path

from alcseg.data.archive import Archive, read_archived_case
from alcseg.data.readers.base import Reader, ReaderOptions, SourceCase, SourceDataset
from alcseg.listing import has_file
from alcseg.records.archive import ArchiveIndex

__all__ = ["ArchiveReader"]


class ArchiveReader(Reader):
    """A folder with `archive.json` and its parts."""

    @classmethod
    def detect(cls, source: Path) -> bool:
        """Whether `archive.json` is there."""
        return has_file(ArchiveIndex.path(source))

    def scan(self, source: Path, options: ReaderOptions) -> SourceDataset:
        """List the cases with splits, qualities and origins as archived; parts are checked, not unpacked."""
        archive = Archive.open(source)
        cases = tuple(
            SourceCase(
                row.case_id,
                (ArchiveIndex.path(source),),
                load=partial(read_archived_case, archive, row.case_id),
                quality=row.quality,
                split=row.split,
                group=row.group,
                source=row.source,
                classes_drawn=row.classes_drawn,
            )
            for row in (case.row for case in archive.index.cases)
        )
        index = archive.index
        return SourceDataset(
            index.name, index.channel_names, index.labels, cases, index.extra, ignore=index.ignore
        )
