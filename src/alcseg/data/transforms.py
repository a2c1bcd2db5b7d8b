"""Augmentation of a patch, applied jointly to image and label."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from alcseg.errors import ConfigError

__all__ = ["Augmentation"]


@dataclass(frozen=True)
class Augmentation:
    """Random flips, quarter turns, small turns, sizes and intensities.

    Attributes:
        flip_axes: Axes (0, 1, 2 of RAS) each flipped with probability 1/2.
        rotate_plane: Two axes in which a random multiple of 90 degrees is turned; the patch must be square
            there.
        intensity_scale: Each image is multiplied by 1 plus a uniform draw from -s..s; 0 turns it off.
        intensity_shift: A uniform draw from -s..s is added, in standard deviations; 0 turns it off.
        rotate_degrees: Largest angle by which a patch is turned about each axis; 0 turns it off.
        zoom: Largest share by which a patch grows, or by whose inverse it shrinks; 0 turns it off.
        spacing: Voxel size in mm, so that angles are those in space. Along axes where it is None, or whose
            voxels are thick, a patch is neither turned nor resized.
    """

    flip_axes: tuple[int, ...] = ()
    rotate_plane: tuple[int, int] | None = None
    intensity_scale: float = 0.0
    intensity_shift: float = 0.0
    rotate_degrees: float = 0.0
    zoom: float = 0.0
    spacing: tuple[float | None, float | None, float | None] = (1.0, 1.0, 1.0)

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
        """Turn, resize and flip `image` `(C, X, Y, Z)` and `maps` `(..., X, Y, Z)` alike, as `rng` says.

        Where a turned patch reaches beyond its border, the border voxels are repeated in all of them. Maps of
        floating-point numbers are distances in mm, which grow with the patch.

        Returns:
            Image and maps; intensities change in the image alone.
        """
        arrays: list[NDArray[Any]] = [image, *maps]
        if self.rotate_degrees or self.zoom:
            arrays = self._warped(arrays, rng)
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

    def _warped(self, arrays: list[NDArray[Any]], rng: np.random.Generator) -> list[NDArray[Any]]:
        """The image, which comes first, by linear interpolation, maps by that of the nearest voxel."""
        growth = float((1 + self.zoom) ** rng.uniform(-1, 1))
        x, y, z = free = [side is not None for side in self.spacing]
        angles = rng.uniform(-self.rotate_degrees, self.rotate_degrees, 3) * [y and z, x and z, x and y]
        turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        sides = np.array([1.0 if side is None else side for side in self.spacing])
        matrix = turn * np.where(free, 1 / growth, 1.0)
        matrix = matrix * sides / sides[:, None]  # from mm to voxels
        center = (np.array(arrays[0].shape[-3:]) - 1) / 2
        image, *maps = (
            _resampled(array, matrix, center - matrix @ center, linear=position == 0)
            for position, array in enumerate(arrays)
        )
        return [image, *(each * growth if each.dtype.kind == "f" else each for each in maps)]


def _resampled(
    array: NDArray[Any], matrix: NDArray[np.float64], offset: NDArray[np.float64], *, linear: bool
) -> NDArray[Any]:
    """What lies in `array` `(..., X, Y, Z)` at `matrix @ voxel + offset` of each voxel."""
    kinds_of_scipy = {"f": np.float32, "b": np.uint8}  # it takes no float16 and no bool
    taken = array.astype(kinds_of_scipy.get(array.dtype.kind, array.dtype))
    order: Literal[0, 1] = 1 if linear else 0
    turned = [
        ndimage.affine_transform(volume, matrix, offset, order=order, mode="nearest")
        for volume in taken.reshape(-1, *array.shape[-3:])
    ]
    return np.stack(turned).reshape(array.shape).astype(array.dtype, copy=False)
