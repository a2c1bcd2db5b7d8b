"""`alcseg import --archive`: a dataset in a few small files, to be carried to a machine without network."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alcseg.commands.import_dataset import import_dataset
from alcseg.data.archive import Archive, write_archive
from alcseg.outputs import output_folder, require_apart
from alcseg.records.archive import ArchiveIndex

__all__ = ["archive_dataset"]


def archive_dataset(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    part_mib: int = 32,
    overwrite: bool = False,
    **options: Any,
) -> Archive:
    """Make an archive of `source`, which is never written to; importing it gives the dataset folder again.

    Args:
        source: Dataset folder, or whatever else `import_dataset` reads.
        target: Folder of the archive to make.
        part_mib: Size of its parts in MiB, at most.
        overwrite: Replace a target folder that is not empty.
        options: The other options of `import_dataset`.

    Returns:
        The archive, opened.

    Raises:
        UsageError: If the target is not empty, a part could hold nothing, or as `import_dataset`.
        DataError: If a volume holds more than 256 different values, or as `import_dataset`.
    """
    target = Path(target)
    given = (source, options.get("test_source"))
    require_apart(target, *(Path(folder) for folder in given if folder is not None))
    with (
        output_folder(target, overwrite=overwrite, writes=ArchiveIndex.NAME) as root,
        TemporaryDirectory(prefix=".import-", dir=root) as place,
    ):
        write_archive(import_dataset(source, Path(place) / "dataset", **options), root, part_mib * 2**20)
    return Archive.open(target)
