"""Signed distances: zero between voxels, millimetres, and growing and shrinking as level sets."""

import numpy as np
import pytest

from alcseg.distances import signed_distance
from alcseg.errors import ShapeError


def test_a_flat_face_lies_half_a_voxel_from_both_sides():
    mask = np.zeros((6, 1, 1), bool)
    mask[:3] = True
    # Centers at 0..5 mm * 2, the face between 4 mm and 6 mm.
    assert signed_distance(mask, (2.0, 2.0, 2.0)).ravel().tolist() == [-5, -3, -1, 1, 3, 5]


def test_spacing_counts_per_axis():
    mask = np.zeros((3, 3, 1), bool)
    mask[1, 1] = True
    found = signed_distance(mask, (1.0, 3.0, 1.0))
    # 1 mm and 3 mm from the center of the mask, whose boundary is half of the smallest step away.
    assert found[0, 1, 0] == pytest.approx(0.5)
    assert found[1, 0, 0] == pytest.approx(2.5)


def test_masks_without_boundary_are_infinitely_far():
    assert np.isposinf(signed_distance(np.zeros((2, 2, 2), bool), (1, 1, 1))).all()
    assert np.isneginf(signed_distance(np.ones((2, 2, 2), bool), (1, 1, 1))).all()


def test_a_spacing_per_axis_is_required():
    with pytest.raises(ShapeError, match="expected 3 spacings"):
        signed_distance(np.ones((2, 2, 2), bool), (1.0, 1.0))
