import math

import numpy as np
import pytest

from alcseg.checking.fit import best_move, explained, gain, scaled


def test_share_of_variance_between_classes():
    # Means 1 and 5 about 3: between 4 * 4 = 16; within 2 * (1 + 1) = 4.
    image, label = np.array([0.0, 2, 4, 6]), np.array([0, 0, 1, 1])
    assert explained(image, label) == pytest.approx(16 / 20)
    assert explained(image, np.zeros(4, int)) == 0
    assert explained(np.ones(4), label) == 0


def test_two_labels_in_one_box_explain_what_each_does_alone(rng):
    image = rng.normal(5, 1, (9, 8, 7)).astype(np.float32)
    label, other = (np.pad(rng.integers(1, 4, (3, 2, 2)), ((3, 3), (3, 3), (3, 2))) for _ in range(2))
    image += label
    instead, by = gain(image, label, other)  # with 3 voxels around both labels the box is all of the image
    assert instead == pytest.approx(between_classes(image, other), rel=1e-9)
    assert np.exp(by) == pytest.approx(instead / between_classes(image, label), rel=1e-9)


def between_classes(image, label):
    """The share of the variance, class by class."""
    classes = [image[label == value].astype(np.float64) for value in np.unique(label)]
    within = sum(len(one) * one.var() for one in classes)
    return 1 - within / (image.size * image.astype(np.float64).var())


def test_a_label_on_the_wrong_side_gains_by_the_mirror(rng):
    label = np.zeros((20, 12, 12), np.uint8)
    label[2:7, 3:9, 3:9] = 1
    image = rng.normal(0, 0.1, label.shape) + label
    mirrored = label[::-1]
    instead, by = gain(image, mirrored, label)
    assert instead > 0.8
    assert by > 1
    assert gain(image, label, mirrored)[1] == pytest.approx(-by)


def test_a_label_of_a_third_of_the_volume():
    label = np.zeros((40, 40, 40), np.uint16)
    label[8:32, 8:32, 8:32] = 3
    small = scaled(label, 1 / 3)
    assert small.sum() / label.sum() == pytest.approx(1 / 3, rel=0.15)  # whole voxels
    assert set(np.unique(small)) == {0, 3}
    middle = [float(at.mean()) for at in np.nonzero(small)]
    assert middle == pytest.approx([19.5] * 3, abs=0.5)
    assert math.isclose(scaled(label, 1.0).sum(), label.sum())


def test_a_label_that_lies_elsewhere_gains_by_the_way_back(rng):
    label = np.zeros((24, 24, 12), np.uint8)
    label[4:12, 8:16, 3:9] = 1
    image = rng.normal(0, 0.1, label.shape) + label
    assert best_move(image, label, (2.0, 2.0, 4.0)).by < 0
    elsewhere = np.roll(label, 6, 0)  # 12 mm, three steps of 4
    move = best_move(image, elsewhere, (2.0, 2.0, 4.0))
    assert (move.axis, move.mm) == (0, -12.0)
    assert move.instead > 0.8
    assert move.by > 1


def test_a_label_that_fills_its_image_moves_nowhere():
    assert best_move(np.ones((4, 4, 4)), np.ones((4, 4, 4), np.uint8), (1.0, 1.0, 1.0)) == (0, 0.0, 0.0, 0.0)
