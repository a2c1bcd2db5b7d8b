"""Grids that should be one: graded, and what can be put where it belongs."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.grids import compare_grids, in_axes_of, onto_grid, require_same_grid
from alcseg.errors import GeometryError


def volume(shape=(4, 4, 4), affine=None, name="a"):
    header = nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4) if affine is None else affine).header
    return Volume(np.zeros(shape, np.uint8), np.eye(4) if affine is None else affine, header, name)


def test_grids_are_graded():
    affine = np.diag([-2.0, 1, 1, 1])
    image = volume(affine=affine)
    noise = affine + 1e-8
    noise[3] = 0, 0, 0, 1
    shifted = affine.copy()
    shifted[0, 3] = 3
    assert compare_grids(image, volume(affine=noise)).grade == "ok"
    moved = compare_grids(image, volume(affine=shifted))
    assert moved.grade == "repairable"
    assert "3 mm apart" in moved.difference
    # A unit affine says nothing about where the voxels are, so it cannot contradict the image.
    assert compare_grids(image, volume()).grade == "repairable"
    mirrored = compare_grids(image, volume(affine=np.diag([2.0, 1, 1, 1])))
    assert mirrored.grade == "fatal"
    assert "axes RAS instead of LAS" in mirrored.difference
    other = compare_grids(image, volume((4, 4, 5)))
    assert other.grade == "fatal"
    assert other.difference == "shape (4, 4, 5) instead of (4, 4, 4)"


def test_message_tells_repairable_from_fatal():
    affine = np.eye(4)
    affine[2, 3] = 1.5
    with pytest.raises(
        GeometryError, match=r"case 'x': .* up to 1\.5 mm apart\. If the voxels do match, .* --fix"
    ):
        require_same_grid(volume(), volume(affine=affine), "x")
    with pytest.raises(GeometryError, match=r"shape \(4, 4, 5\) instead of \(4, 4, 4\)\. Resample it"):
        require_same_grid(volume(), volume((4, 4, 5)), "x")


def test_another_remedy_can_be_named():
    affine = np.eye(4)
    affine[2, 3] = 1.5
    with pytest.raises(GeometryError, match=r"apart\. Predict again\.$"):
        require_same_grid(volume(), volume(affine=affine), "x", remedy="Predict again.")


def test_a_header_without_place_contradicts_nothing():
    placed, unplaced = (
        volume(affine=np.diag([1.0, 1.0, 2.0, 1.0])),
        volume(affine=np.diag([-1.0, 1.0, 2.0, 1.0])),
    )
    for key in ("sform_code", "qform_code"):
        unplaced.header[key] = 0
    assert compare_grids(placed, unplaced).grade == "repairable"
    assert compare_grids(unplaced, placed).grade == "ok"
    finer = compare_grids(unplaced, volume())
    assert finer.grade == "repairable"
    assert "spacing (1, 1, 1) instead of (1, 1, 2) mm" in finer.difference


AFFINE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.3, -0.2, 0.1) @ np.diag([-0.7, 0.7, 3]), [1, 2, 3]
)


def part(first, shape, move=0.0):
    """A label map of ones that begins at a voxel of a grid."""
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [*np.add(first, move), 1])[:3]
    return replace(volume(shape, affine), array=np.ones(shape, np.uint8))


def test_a_label_cropped_to_its_segment_is_put_where_it_lies():
    image, label = volume((6, 7, 8), AFFINE), part((2, 0, 3), (3, 7, 2))
    assert compare_grids(image, label).grade == "repairable"
    expected = np.zeros((6, 7, 8), np.uint8)
    expected[2:5, :, 3:5] = 1
    assert np.array_equal(onto_grid(image, label), expected)


def test_background_beyond_the_image_is_left_out():
    image, label = volume((6, 7, 8), AFFINE), part((-1, -1, -1), (8, 9, 10))
    label.array[...] = np.pad(np.ones((6, 7, 8), np.uint8), 1)
    assert np.array_equal(onto_grid(image, label), np.ones((6, 7, 8), np.uint8))


@pytest.mark.parametrize(
    "label",
    [
        part((5, 0, 0), (3, 7, 8)),  # foreground beyond the image
        part((2, 2, 2), (2, 2, 2), move=0.1),  # between the voxels
        part((0, 0, 0), (4, 7, 8)),  # begins where the image does: slices may have been lost
        volume((2, 2, 2)),  # no place
        part((90, 90, 90), (2, 2, 2)),
    ],
)
def test_other_shapes_stay_fatal(label):
    image = volume((6, 7, 8), AFFINE)
    assert compare_grids(image, label).grade == "fatal"
    with pytest.raises(GeometryError, match="expected a part of the grid"):
        onto_grid(image, label)


def test_a_label_with_turned_axes_is_put_onto_the_grid_of_its_image(rng):
    image = volume((5, 4, 3), np.diag([1.0, 2.0, 3.0, 1.0]))
    right = rng.integers(0, 3, (5, 4, 3)).astype(np.uint8)
    ways = nib.orientations.axcodes2ornt(("R", "A", "S")), nib.orientations.axcodes2ornt(("S", "L", "A"))
    turned = nib.Nifti1Image(right, image.affine).as_reoriented(nib.orientations.ornt_transform(*ways))
    array = np.asarray(turned.dataobj)
    label = Volume(array, turned.affine, turned.header, "a", known=array != 2)
    assert label.shape == (3, 5, 4)
    assert compare_grids(image, label).grade == "repairable"
    assert "axes SLA instead of RAS on the same grid" in compare_grids(image, label).difference
    assert np.array_equal(onto_grid(image, label), right)
    found = in_axes_of(image, label)
    assert np.array_equal(found.array, right)
    assert np.array_equal(found.known, right != 2)
    assert compare_grids(image, found).grade == "ok"
    assert in_axes_of(image, found) is found

    elsewhere = label.affine.copy()
    elsewhere[0, 3] += 1  # a voxel beside: as well mirrored about another place
    for other in (elsewhere, np.diag([-1.0, 2.0, 3.0, 1.0])):
        beside = replace(label, array=right if other is not elsewhere else array, affine=other)
        assert in_axes_of(image, beside) is beside
        assert compare_grids(image, beside).grade == "fatal"
