"""Images smaller than the patch, in the middle of their minimum."""

import numpy as np

from alcseg.data.padding import lowest, missing, pad


def test_what_is_missing_is_shared_by_both_sides_with_one_more_behind():
    assert missing((3, 8, 9), (8, 8, 8)) == ((2, 3), (0, 0), (0, 0))


def test_each_channel_goes_on_with_its_own_minimum():
    image = np.stack([np.arange(1.0, 9).reshape(2, 2, 2), np.full((2, 2, 2), -4.0)]).astype(np.float32)
    grown = pad(image, ((1, 2), (0, 0), (0, 1)), lowest(image))
    assert grown.shape == (2, 5, 2, 3)
    assert grown.dtype == np.float32
    assert np.array_equal(grown[:, 1:3, :, :2], image)
    around = np.ones((5, 2, 3), bool)
    around[1:3, :, :2] = False
    assert set(grown[0][around]) == {1.0}
    assert set(grown[1][around]) == {-4.0}


def test_an_image_that_is_large_enough_is_itself():
    image = np.ones((1, 2, 2, 2), np.float32)
    assert pad(image, missing((2, 2, 2), (2, 1, 2)), lowest(image)) is image
