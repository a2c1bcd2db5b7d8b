"""What lies in a source beside the files of its cases: refused where a case may lack it, else named."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from alcseg.data.readers.base import SourceCase
from alcseg.data.readers.names import is_image_file, is_volume, may_be_of
from alcseg.data.unused import holds_voxels, refuse_unused, tell_unused, unused_files

__all__ = ["settle_leftovers", "unread_images"]


def settle_leftovers(
    source: Path,
    cases: Sequence[SourceCase],
    *,
    folders: Sequence[Path] = (),
    unread: Collection[Path] = (),
) -> None:
    """Refuse files that cases seem to lack, and name in a warning all other images that are left out.

    Args:
        source: The folder.
        cases: With their labels.
        folders: Those of images and labels, in which each file that may hold voxels has to be of a case.
        unread: Files that are images or labels by their names, and are not read.

    Raises:
        DataError: If such a file is there, or one anywhere that is named like a training case without label.
    """
    unused = unused_files([source], _used_by(cases))
    lacking = [case.case_id for case in cases if not case.labeled and case.split != "test"]
    within = {path for path in unused if any(path.is_relative_to(folder) for folder in folders)}
    refused = [
        path
        for path in unused
        if path in unread
        or (path in within and holds_voxels(path))
        or (is_image_file(path) and any(may_be_of(path, case_id) for case_id in lacking))
    ]
    refuse_unused(source, refused)
    tell_unused(source, [path for path in unused if path in within or is_volume(path)])


def unread_images(source: Path, cases: Iterable[SourceCase]) -> list[Path]:
    """What may be an image in a source and is of no case."""
    return [path for path in unused_files([source], _used_by(cases)) if is_volume(path)]


def _used_by(cases: Iterable[SourceCase]) -> set[Path]:
    """The files of all cases."""
    return {
        path
        for case in cases
        for path in (*case.images, case.label, *case.raters.values())
        if path is not None
        for path in (path, *_voxels_of(path))
    }


def _voxels_of(path: Path) -> list[Path]:
    """Files in which the voxels of a header may lie that stands alone, as `.mhd` and `.nhdr` do."""
    if path.suffix.lower() not in (".mhd", ".nhdr"):
        return []
    return [path.with_suffix(ending) for ending in (".raw", ".zraw", ".raw.gz")]
