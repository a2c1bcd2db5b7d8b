"""Label noise by a cube: SciPy with a full cube, as the public generators call it."""

import numpy as np
from race import Growth, Race
from scipy import ndimage
from shapes import SPACING, atrium, organ

from alcseg.noise.cube import cube

SIDE = 15


def paths() -> list[Race]:
    """A left atrium drawn too large, and too small."""
    mask, full = atrium(), np.ones((SIDE,) * 3, bool)
    grown, shrunk = _ours(mask, "dilate"), _ours(mask, "erode")
    peer = "SciPy, full cube"
    return [
        Race("an atrium grown by 15", peer, grown, lambda: ndimage.binary_dilation(mask, full), _equal, 200),
        Race("an atrium shrunk by 15", peer, shrunk, lambda: ndimage.binary_erosion(mask, full), _equal, 50),
    ]


def growths() -> list[Growth]:
    """Against the volume, and the side of the cube."""

    def volume(side: int):
        return _ours(organ((side,) * 3), "dilate")

    def cubes(side: int):
        return _ours(organ((128,) * 3), "dilate", side)

    return [
        Growth("noise by a cube of 15", "side of the volume", (32, 64, 128, 256), volume, 3, 3),
        Growth("noise in 128³", "side of the cube", (3, 5, 9, 15, 31), cubes, 0.5, 0.25),
    ]


def _ours(mask: np.ndarray, operation: str, side: int = SIDE):
    return lambda: cube(mask, spacing=SPACING, size=side, unit="voxel", operation=operation)


def _equal(ours, theirs) -> str:
    np.testing.assert_array_equal(ours, theirs)
    return "the same voxels"
