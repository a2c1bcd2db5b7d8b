import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from alcseg.errors import ShapeError, UsageError
from alcseg.noise.cube import cube

SPACING = (1.0, 1.0, 1.0)


def blob(rng: np.random.Generator, shape: tuple[int, ...] = (30, 26, 22), margin: int = 0) -> np.ndarray:
    """Boxes at random places, with `margin` voxels of background around them."""
    mask = np.zeros(shape, dtype=bool)
    for _ in range(4):
        low = [int(rng.integers(margin, size - margin - 5)) for size in shape]
        high = [
            int(rng.integers(start + 4, size - margin + 1)) for start, size in zip(low, shape, strict=True)
        ]
        mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return mask


@pytest.mark.parametrize("side", [1, 2, 3, 4, 7, 8, 9, 14, 15])
@pytest.mark.parametrize("margin", [0, 4])
def test_equals_full_cube_of_public_generator(side: int, margin: int, rng: np.random.Generator) -> None:
    mask = blob(rng, margin=margin)
    element = np.ones((side, side, side))
    for operation, reference in (("dilate", binary_dilation), ("erode", binary_erosion)):
        got = cube(mask, spacing=SPACING, size=side, unit="voxel", operation=operation)
        assert np.array_equal(got, reference(mask, structure=element)), operation


def test_whole_volume_is_eroded_from_its_border() -> None:
    # Outside of the volume is background: side 3 takes one layer from each face of the 5x5x5 volume.
    got = cube(np.ones((5, 5, 5), bool), spacing=SPACING, size=3, unit="voxel", operation="erode")
    assert got.sum() == 27
    assert got[1:4, 1:4, 1:4].all()


def test_mm_are_rounded_to_voxels_per_axis() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    # 3 mm are 3 voxels of 1 mm, 1.5 -> 2 of 2 mm, and one of 5 mm.
    got = cube(mask, spacing=(1.0, 2.0, 5.0), size=3.0, unit="mm", operation="dilate")
    assert [got.any(axis=(1, 2)).sum(), got.any(axis=(0, 2)).sum(), got.any(axis=(0, 1)).sum()] == [3, 2, 1]


def test_leaves_input_alone(rng: np.random.Generator) -> None:
    mask = blob(rng)
    before = mask.copy()
    cube(mask, spacing=SPACING, size=4, unit="voxel", operation="dilate")
    assert np.array_equal(mask, before)


@pytest.mark.parametrize("size", [0, 2.5])
def test_refuses_sides_that_are_no_voxels(size: float) -> None:
    with pytest.raises(UsageError, match="whole voxels"):
        cube(np.ones((3, 3, 3), bool), spacing=SPACING, size=size, unit="voxel", operation="erode")


def test_refuses_spacing_of_other_length() -> None:
    with pytest.raises(ShapeError, match="one positive spacing"):
        cube(np.ones((3, 3, 3), bool), spacing=(1.0, 1.0), size=3, unit="voxel", operation="erode")


@pytest.mark.parametrize("operation", ["dilate", "erode"])
def test_only_the_box_around_the_organ_is_worked_on(operation: str) -> None:
    mask = np.zeros((160, 160, 160), bool)
    mask[60:100, 60:100, 60:100] = True
    tracemalloc.start()
    cube(mask, spacing=SPACING, size=15, unit="voxel", operation=operation)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * mask.nbytes  # the answer, and the box
