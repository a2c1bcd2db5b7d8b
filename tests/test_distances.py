"""Signed distances: zero between voxels, millimetres, and growing and shrinking as level sets."""

import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from alcseg.distances import class_distances, signed_distance
from alcseg.errors import ShapeError


def test_a_flat_face_lies_half_a_voxel_from_both_sides():
    mask = np.zeros((6, 1, 1), bool)
    mask[:3] = True
    # Centers at 0..5 mm * 2, the face between 4 mm and 6 mm.
    assert signed_distance(mask, (2.0, 2.0, 2.0)).ravel().tolist() == [-5, -3, -1, 1, 3, 5]


def test_a_face_lies_half_a_voxel_away_along_its_own_axis():
    mask = np.zeros((3, 3, 1), bool)
    mask[1, 1] = True
    found = signed_distance(mask, (1.0, 3.0, 1.0))
    # Neighbors along the axes are 1 mm and 3 mm from the center of the mask, and half of that from its faces.
    assert found[0, 1, 0] == pytest.approx(0.5)
    assert found[1, 0, 0] == pytest.approx(1.5)
    slices = np.zeros((1, 1, 6), bool)
    slices[..., :3] = True
    assert signed_distance(slices, (1.0, 1.0, 5.0)).ravel().tolist() == [-12.5, -7.5, -2.5, 2.5, 7.5, 12.5]


@pytest.fixture
def blob(rng):
    return ndimage.gaussian_filter(rng.normal(size=(20, 18, 9)), (3, 3, 1)) > 0.03


@pytest.mark.parametrize("repeats", [(1, 1, 5), (3, 1, 1), (1, 3, 5), (3, 3, 1)])
def test_thick_voxels_are_rows_of_thin_ones(blob, repeats):
    fine, middle = blob, []
    for axis, count in enumerate(repeats):
        fine = np.repeat(fine, count, axis)
        middle.append(slice(count // 2, None, count))
    expected = signed_distance(fine, (0.5, 0.5, 0.5))[tuple(middle)]
    found = signed_distance(blob, tuple(0.5 * count for count in repeats))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 0.7), (0.7, 0.7, 0.7003), (2.0, 2.0, 2.0)])
def test_cubes_keep_the_euclidean_transform(blob, spacing):
    outside, inside = (ndimage.distance_transform_edt(part, sampling=spacing) for part in (~blob, blob))
    expected = np.where(blob, min(spacing) / 2 - inside, outside - min(spacing) / 2)
    np.testing.assert_allclose(signed_distance(blob, spacing), expected, rtol=0, atol=1e-6)


def test_masks_without_boundary_are_infinitely_far():
    assert np.isposinf(signed_distance(np.zeros((2, 2, 2), bool), (1, 1, 1))).all()
    assert np.isneginf(signed_distance(np.ones((2, 2, 2), bool), (1, 1, 1))).all()


def test_a_spacing_per_axis_is_required():
    with pytest.raises(ShapeError, match="expected 3 spacings"):
        signed_distance(np.ones((2, 2, 2), bool), (1.0, 1.0))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0)])
def test_no_boundary_runs_where_knowledge_ends(spacing: tuple[float, float, float]) -> None:
    # Along the first axis: background, three of the class, one that nobody labeled, one of the class.
    mask = np.array([0, 1, 1, 1, 0, 1], bool).reshape(6, 1, 1)
    known = np.array([1, 1, 1, 1, 0, 1], bool).reshape(6, 1, 1)
    found = signed_distance(mask, spacing, known=known)
    np.testing.assert_allclose(found.ravel(), [0.5, -0.5, -1.5, -2.5, np.inf, -4.5])
    everywhere = np.ones_like(known)
    np.testing.assert_array_equal(
        signed_distance(mask, spacing, known=everywhere), signed_distance(mask, spacing)
    )


def test_a_mask_without_known_background_has_no_boundary() -> None:
    mask = np.array([1, 1, 0], bool).reshape(3, 1, 1)
    found = signed_distance(mask, (1.0, 1.0, 1.0), known=mask)
    assert found.ravel().tolist() == [-np.inf, -np.inf, np.inf]


def test_distances_of_many_classes_take_no_more_than_themselves() -> None:
    label = np.arange(24).repeat(2 * 32 * 32).reshape(48, 32, 32)
    tracemalloc.start()
    distances = class_distances(label, 24, (1.0, 1.0, 1.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * distances.nbytes  # a list that is stacked would take it twice
