"""A volume knows the size of its voxels, whatever its axes are."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.data.case import Volume


def volume(affine):
    return Volume(np.zeros((2, 2, 2)), np.asarray(affine), None, Path("case.nii.gz"))


def test_perpendicular_axes_are_told_by_their_spacing_alone():
    found = volume(np.diag([-2.0, 3.0, 0.5, 1.0]))
    assert found.spacing == (2, 3, 0.5)
    assert found.voxel_mm3 == pytest.approx(3)
    assert found.sheared_axes is None


def test_a_sheared_voxel_is_as_large_as_its_determinant():
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[0, 2] = 3  # the third axis is 5 mm long and leans by asin(3 / 5)
    found = volume(affine)
    assert found.spacing == (1, 1, 5)
    assert found.voxel_mm3 == pytest.approx(4)
    np.testing.assert_allclose(found.sheared_axes, [[1, 0, 0.6], [0, 1, 0], [0, 0, 0.8]])
