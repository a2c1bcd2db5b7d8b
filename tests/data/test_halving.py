"""Halving: means and majorities of 2x2x2 blocks, on a grid that stays where it was."""

import numpy as np
import pytest

from alcseg.commands.corrupt import corrupt
from alcseg.data.folder import Dataset
from alcseg.data.halving import halve_dataset, halve_image, halve_label
from alcseg.data.nifti import read_grid
from alcseg.data.phantoms import write_phantoms


def test_an_image_block_becomes_its_mean_and_odd_planes_are_left_out():
    image = np.arange(2 * 3 * 2, dtype=np.float32).reshape(2, 3, 2)
    # The block holds y = 0, 1 of both x: 0 1 2 3 and 6 7 8 9; their mean is 4.5.
    assert halve_image(image).tolist() == [[[4.5]]]


@pytest.mark.parametrize(
    ("voxels", "expected"),
    [
        ([0, 0, 0, 0, 0, 5, 5, 5], 0),  # three of eight
        ([0, 0, 0, 0, 5, 5, 5, 5], 5),  # exactly half counts as foreground
        ([0, 0, 0, 0, 5, 5, 7, 7], 5),  # half is foreground; a tie goes to the lower value
        ([0, 0, 0, 7, 7, 7, 5, 5], 7),
    ],
)
def test_a_label_block_takes_its_majority(voxels, expected):
    label = np.array(voxels, dtype=np.uint8).reshape(2, 2, 2)
    assert halve_label(label).tolist() == [[[expected]]]


def test_background_may_be_any_value():
    assert halve_label(np.full((2, 2, 2), 3, dtype=np.uint8), background=3).tolist() == [[[3]]]


def test_a_dataset_keeps_its_tables_its_clean_labels_and_its_place(tmp_path):
    write_phantoms(tmp_path / "full", train=3, val=1, test=1, seed=0)
    corrupt(tmp_path / "full", tmp_path / "noisy", hq_first=1, size=(3, 3))
    halve_dataset(tmp_path / "noisy", tmp_path / "half")
    full, half = Dataset.open(tmp_path / "noisy"), Dataset.open(tmp_path / "half")
    assert half.rows == full.rows
    assert half.labels == full.labels
    assert (half.root / "noise.json").read_bytes() == (full.root / "noise.json").read_bytes()
    assert len(list((half.root / "labelsClean").iterdir())) == 2
    for row in full.rows:
        shape, affine = read_grid(full.image_paths(row.case_id)[0])
        halved_shape, halved_affine = read_grid(half.image_paths(row.case_id)[0])
        assert halved_shape == tuple(size // 2 for size in shape)
        # The outer corner of the first voxel is the same point of the room.
        corner = np.array([-0.5, -0.5, -0.5, 1])
        np.testing.assert_allclose(halved_affine @ corner, affine @ corner, atol=1e-4)
        assert half.read_label(row.case_id).shape == halved_shape
