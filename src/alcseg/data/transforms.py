"""Augmentation of a patch, applied jointly to image and label."""

from dataclasses import dataclass

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
        self, image: NDArray[np.float32], label: NDArray[np.uint8], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Change `image` `(C, X, Y, Z)` and `label` `(X, Y, Z)` alike, as `rng` says."""
        if self.rotate_plane is not None:
            turns = int(rng.integers(4))
            a, b = self.rotate_plane
            image, label = np.rot90(image, turns, (a + 1, b + 1)), np.rot90(label, turns, (a, b))
        flips = [axis for axis in self.flip_axes if rng.integers(2)]
        image = np.flip(image, tuple(axis + 1 for axis in flips))
        label = np.flip(label, tuple(flips))
        if self.intensity_scale or self.intensity_shift:
            scale = 1 + rng.uniform(-self.intensity_scale, self.intensity_scale)
            shift = rng.uniform(-self.intensity_shift, self.intensity_shift)
            image = (image * scale + shift).astype(np.float32)
        return np.ascontiguousarray(image, dtype=np.float32), np.ascontiguousarray(label)
