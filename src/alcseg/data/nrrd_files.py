"""What every reader of NRRD files needs: the package, and the spaces that headers name.

https://teem.sourceforge.net/nrrd/format.html
"""

from typing import Any

from alcseg.errors import PackageError

__all__ = ["SPACES", "nrrd_package"]

SPACES = {
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
}
"""Name of a space to what each coordinate is multiplied with to reach RAS."""


def nrrd_package() -> Any:
    """Pynrrd.

    Raises:
        PackageError: If it is not installed.
    """
    try:
        import nrrd
    except ImportError:
        raise PackageError('NRRD files need pynrrd: pip install "alcseg[nrrd]"') from None
    return nrrd
