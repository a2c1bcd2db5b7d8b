"""What can go wrong, as one small tree; the exit code of the command line stands beside each.

    AlcsegError            1   a fault of the program itself
    ├── UsageError         2   a wrong flag, an output folder that is not empty
    │   └── ConfigError    2   an unknown key or a value of the wrong type
    ├── DataError          4   a file or dataset that cannot be used as it is
    │   ├── GeometryError  4   grids that do not agree
    │   ├── LabelError     4   label values that make no sense
    │   ├── ShapeError     4   arrays whose shapes do not fit
    │   └── CheckpointError 4  a run folder or checkpoint that cannot be used
    └── ResourceError      5   disk, memory or a device is missing
        └── PackageError   5   an optional package is missing

Every message says what was expected, what came, where, and what to do.
"""

__all__ = [
    "AlcsegError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "GeometryError",
    "LabelError",
    "PackageError",
    "ResourceError",
    "ShapeError",
    "UsageError",
]


class AlcsegError(Exception):
    """Base of all errors that are shown as one line."""

    exit_code = 1


class UsageError(AlcsegError):
    """The command cannot be carried out as it was given."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown or has a value that is not allowed."""


class DataError(AlcsegError):
    """A file or a dataset cannot be used as it is."""

    exit_code = 4


class GeometryError(DataError):
    """Two grids that should agree do not."""


class LabelError(DataError):
    """A label map holds values that cannot be a segmentation of this dataset."""


class ShapeError(DataError):
    """Arrays that belong together have shapes that do not fit."""


class CheckpointError(DataError):
    """A run folder or a checkpoint cannot be used for what was asked."""


class ResourceError(AlcsegError):
    """Disk, memory, a device or an optional package is missing."""

    exit_code = 5


class PackageError(ResourceError):
    """What was asked for needs an optional package that is not installed; all else works without."""
