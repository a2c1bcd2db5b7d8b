"""Atlases are told from scans by how restless they are, not by how many values they hold."""

import numpy as np
import pytest

from alcseg.data.voxel_values import looks_like_image


def blocks(count, side):
    """An atlas of `count` cubes that touch one another."""
    cells = np.arange(1, count + 1)
    grid = np.resize(cells, (8, 8, 8))
    return np.kron(grid, np.ones((side,) * 3, int))


@pytest.mark.parametrize("side", [2, 4])
def test_atlases_are_no_images(side):
    assert not looks_like_image(blocks(400, side))


def test_thin_ribbons_are_no_images():
    # 60 sheets of 2 voxels, 2 apart.
    label = np.zeros((240, 20, 20), int)
    for index in range(60):
        label[4 * index : 4 * index + 2] = 1000 + index
    assert not looks_like_image(label)


@pytest.mark.parametrize("deviation", [20, 100])
def test_scans_are(rng, deviation):
    scan = np.rint(rng.normal(300, deviation, (20, 20, 20))).astype(int)
    scan[:, :, :8] = 0
    assert looks_like_image(scan)
    assert not looks_like_image((scan > 300).astype(int))
