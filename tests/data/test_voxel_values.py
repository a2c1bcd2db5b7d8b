"""What values tell of the file they are in: an atlas from a scan, and one convention from another."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.data.voxel_values import looks_like_image, tell_of_strangers


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


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([{1}, {255}, {1}, set()], "(1 in 2 label(s); 255 in 1 label(s))"),  # two programs, one class
        ([{1, 2}, {128, 255}, {2}], "(1, 2 in 2 label(s); 128, 255 in 1 label(s))"),
        ([{1}, {2}, {1, 2}], ""),  # one that has both says that they are two
        ([{1, 2}, {2, 3}, {3}], ""),
        ([{1}, {1}, set()], ""),
        ([], ""),
    ],
)
def test_labels_without_a_common_class_are_told(labels, said, caplog):
    tell_of_strangers(Path("scans"), labels)
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)
