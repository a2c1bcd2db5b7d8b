import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from alcseg.errors import UsageError
from alcseg.noise.ball import ball


def element(radius: float, spacing: tuple[float, ...]) -> np.ndarray:
    """All voxel offsets within `radius` mm."""
    axes = [np.arange(-int(radius / step), int(radius / step) + 1) * step for step in spacing]
    grid = np.meshgrid(*axes, indexing="ij")
    return sum(axis**2 for axis in grid) <= radius**2 + 1e-9


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 2.5)])
@pytest.mark.parametrize("radius", [0.0, 1.0, 2.8, 4.0])
def test_equals_morphology_with_ball(
    radius: float, spacing: tuple[float, ...], rng: np.random.Generator
) -> None:
    mask = rng.random((18, 16, 10)) < 0.03
    mask[4:14, 3:16, 2:9] = True
    for operation, reference in (("dilate", binary_dilation), ("erode", binary_erosion)):
        got = ball(mask, spacing=spacing, size=radius, unit="mm", operation=operation)
        assert np.array_equal(got, reference(mask, structure=element(radius, spacing))), operation


def test_voxels_ignore_spacing() -> None:
    mask = np.zeros((7, 7, 7), bool)
    mask[3, 3, 3] = True
    got = ball(mask, spacing=(1.0, 1.0, 9.0), size=1, unit="voxel", operation="dilate")
    assert got.sum() == 7  # the voxel and its six neighbors


def test_spacing_without_exact_binary_value_reaches_its_radius() -> None:
    mask = np.zeros((9, 1, 1), bool)
    mask[4] = True
    # 3 * 0.1 is a little above 0.3 in binary.
    got = ball(mask, spacing=(0.1, 0.1, 0.1), size=0.3, unit="mm", operation="dilate")
    assert got.sum() == 7


def test_refuses_negative_radius() -> None:
    with pytest.raises(UsageError, match="radius"):
        ball(np.ones((3, 3, 3), bool), spacing=(1.0, 1.0, 1.0), size=-1, unit="mm", operation="erode")
