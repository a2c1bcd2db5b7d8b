"""`CASE-HASH.json`: a preprocessed case of the cache; written last, so that it marks the case as whole."""

from alcseg.records.base import Document

__all__ = ["CachedCaseRecord"]


class CachedCaseRecord(Document):
    """What lies beside it in `.image.npy` and `.label.npy`."""

    NAME = "CASE-HASH.json"
    MADE_BY = "`alcseg train`"

    source_hash: str
    """Of the image and label files."""
    shape: tuple[int, ...]
    """Voxels per axis of the model grid."""
    spacing: tuple[float, ...]
    """Voxel size in mm, one value per axis."""
    foreground_voxels: int
    """Voxels of the label that are no background."""
    ignored_voxels: int = 0
    """Voxels that nobody labeled; where there are some, `.known.npy` tells the others."""
