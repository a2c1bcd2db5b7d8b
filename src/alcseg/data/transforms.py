"""Augmentation of a patch, applied jointly to image and label."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alcseg.errors import ConfigError

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Random flips, quarter turns and intensity changes.

    Attributes:
        flip_axes: Axes (0, 1, 2 of RAS) each flipped with probability 1/2.
        rotate_plane: Two axes in which a random multiple of 90 degrees is turned; the patch must be square
            there.
        intensity_scale: Each image is multiplied by 1 plus a uniform draw from -s..s; 0 turns it off.
        intensity_shift: A uniform draw from -s..s is added, in standard deviations; 0 turns it off.
    """

    flip_axes: tuple[int, ...] = ()
    rotate_plane: tuple[int, int] | None = None
    intensity_scale: float = 0.0
    intensity_shift: float = 0.0

    def check(self, patch: tuple[int, int, int]) -> None:
        """Refuse what cannot work on this patch.

        Raises:
            ConfigError: If `rotate_plane` names sides of different length.
        """
        if self.rotate_plane is not None and patch[self.rotate_plane[0]] != patch[self.rotate_plane[1]]:
            raise ConfigError(
                f"data.rotate_plane: expected a patch that is square in axes {list(self.rotate_plane)}, "
                f"got {list(patch)}. Set data.rotate_plane=null or a square patch."
            )

    def __call__(
        self, image: NDArray[np.float32], *maps: NDArray[Any], rng: np.random.Generator
    ) -> tuple[NDArray[Any], ...]:
        """Turn and flip `image` `(C, X, Y, Z)` and `maps` `(..., X, Y, Z)` alike, as `rng` says.

        Returns:
            Image and maps; intensities change in the image alone.
        """
        arrays: list[NDArray[Any]] = [image, *maps]
        if self.rotate_plane is not None:
            turns = int(rng.integers(4))
            a, b = (axis - 3 for axis in self.rotate_plane)
            arrays = [np.rot90(array, turns, (a, b)) for array in arrays]
        flips = tuple(axis - 3 for axis in self.flip_axes if rng.integers(2))
        image, *others = (np.flip(array, flips) for array in arrays)
        if self.intensity_scale or self.intensity_shift:
            scale = 1 + rng.uniform(-self.intensity_scale, self.intensity_scale)
            shift = rng.uniform(-self.intensity_shift, self.intensity_shift)
            image = (image * scale + shift).astype(np.float32)
        return np.ascontiguousarray(image, dtype=np.float32), *map(np.ascontiguousarray, others)
