"""Label maps to measure on: a left atrium where there is one, and generated organs of any size."""

from functools import cache
from pathlib import Path

import numpy as np
from scipy import ndimage

__all__ = ["SPACING", "atrium", "moved", "organ", "organs"]

SPACING = (0.625, 0.625, 0.625)
DATA = Path(__file__).parents[3] / "shared" / "data" / "la" / "2018LA_Seg_Training Set"


@cache
def atrium() -> np.ndarray:
    """The first left atrium of the LA benchmark as its h5 file has it; without the data an organ."""
    if not DATA.is_dir():
        return organ((183, 140, 88))
    import h5py

    with h5py.File(min(DATA.iterdir()) / "mri_norm2.h5") as file:
        return np.ascontiguousarray(file["label"][:] > 0)


def organ(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A ball with bulges that fills about an eighth of the volume."""
    rng = np.random.default_rng(seed)
    axes = np.ogrid[tuple(slice(-1, 1, complex(0, size)) for size in shape)]
    coarse = rng.normal(0, 0.12, (6,) * len(shape))
    bulges = ndimage.zoom(coarse, np.divide(shape, 6), order=1)
    return np.sqrt(sum(axis**2 for axis in axes)) + bulges < 0.6


def organs(shape: tuple[int, ...], classes: int, seed: int = 0) -> np.ndarray:
    """An organ cut into classes along the first axis, uint8."""
    label = organ(shape, seed).astype(np.uint8)
    slices = np.flatnonzero(label.any(axis=tuple(range(1, len(shape)))))
    for value, part in enumerate(np.array_split(slices, classes), start=1):
        label[part] *= np.uint8(value)
    return label


def moved(label: np.ndarray) -> np.ndarray:
    """A label as a fair network would draw it: moved by 2, -1 and 1 voxels."""
    return np.roll(label, (2, -1, 1), (0, 1, 2))
