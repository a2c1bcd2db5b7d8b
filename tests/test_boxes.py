import numpy as np

from alcseg.boxes import bounding_box, middle_of


def test_the_box_holds_the_mask_and_no_more():
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2:4, 5] = mask[2, 2, 3] = True
    assert bounding_box(mask) == (slice(1, 3), slice(2, 4), slice(3, 6))
    assert bounding_box(mask[1]) == (slice(2, 4), slice(5, 6))


def test_a_margin_ends_where_the_array_does():
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2:4, 5] = True
    assert bounding_box(mask, 1) == (slice(0, 3), slice(1, 5), slice(4, 6))
    assert bounding_box(mask, (2, 0, 1)) == (slice(0, 4), slice(2, 4), slice(4, 6))


def test_the_box_of_an_empty_mask_holds_nothing():
    assert (
        bounding_box(np.zeros((3, 3), bool)) == bounding_box(np.zeros((3, 3), bool), 2) == (slice(0, 0),) * 2
    )


def test_the_middle_is_the_mean_place_of_the_voxels():
    mask = np.zeros((4, 5, 6), bool)
    mask[1, 2, 5] = mask[1, 4, 2] = mask[3, 0, 2] = True
    np.testing.assert_allclose(middle_of(mask), [5 / 3, 2, 3])
