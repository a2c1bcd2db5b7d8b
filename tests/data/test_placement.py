"""What cannot place voxels is refused by every reader alike."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.data.placement import check_affine, check_directions, check_steps, shear_degrees
from alcseg.errors import GeometryError

PATH = Path("scan")


def sheared(degrees):
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[1, 2] = 2 * np.tan(np.radians(degrees))
    return affine


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_small_and_large_voxels_have_a_place(scale):
    affine = np.diag([-scale, scale, 2 * scale, 1.0])
    assert np.array_equal(check_affine(affine, PATH), affine)


@pytest.mark.parametrize("value", [0.0, 1e-30, np.nan, np.inf, 1e30, 1e300])
def test_an_axis_without_length_or_number_is_refused(value):
    with pytest.raises(GeometryError, match="scan: expected an affine that gives each voxel its place"):
        check_affine(np.diag([1.0, value, 1.0, 1.0]), PATH)


def test_axes_in_one_plane_are_refused():
    with pytest.raises(GeometryError, match="gives each voxel its place"):
        check_affine(sheared(90 - 1e-3), PATH)
    check_affine(sheared(60), PATH)


def test_the_last_row_of_an_affine_is_fixed():
    affine = np.eye(4)
    affine[3, 0] = 1
    with pytest.raises(GeometryError, match="last row 0, 0, 0, 1"):
        check_affine(affine, PATH)


@pytest.mark.parametrize("step", [0.0, -1.0, np.nan, np.inf])
def test_steps_are_positive_numbers(step):
    check_steps((0.1, 2.0), PATH)
    with pytest.raises(GeometryError, match="expected voxel sizes above 0 mm"):
        check_steps((1.0, step), PATH)


@pytest.mark.parametrize(
    ("first", "second"),
    [((2, 0, 0), (0, 1, 0)), ((0, 0, 0), (0, 1, 0)), ((1, 0, 0), (0.6, 0.8, 0)), ((np.nan, 0, 0), (0, 1, 0))],
)
def test_directions_are_perpendicular_unit_vectors(first, second):
    check_directions((0.9998, 0.003, 0), (-0.003, 1.0, 0), PATH)
    with pytest.raises(GeometryError, match="expected direction cosines of length 1 at a right angle"):
        check_directions(first, second, PATH)


def test_shear_is_the_angle_to_a_right_one():
    assert shear_degrees(np.diag([1.0, -2.0, 5.0, 1.0])) == 0
    assert shear_degrees(sheared(20)) == pytest.approx(20)
