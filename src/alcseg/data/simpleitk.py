"""SimpleITK, an optional package, for the parts that need it."""

from typing import Any

from alcseg.errors import PackageError

__all__ = ["load_simpleitk"]


def load_simpleitk(task: str, remedy: str) -> Any:
    """The module.

    Args:
        task: What needs it.
        remedy: What to do where it is missing.

    Raises:
        PackageError: If it is not installed.
    """
    try:
        import SimpleITK
    except ImportError:
        raise PackageError(f"{task}: expected the package SimpleITK, found none. {remedy}") from None
    return SimpleITK
