"""Regions of disagreement: boxes, volumes, slices."""

import numpy as np

from alcseg.auditing.regions import find_regions


def test_regions_are_listed_largest_first_with_box_and_slice():
    given = np.zeros((12, 10, 8), np.uint8)
    given[2:6, 2:6, 1:4] = 5
    pred = given.copy()
    pred[2:6, 2:6, 4] = 5  # 16 voxels the label lacks
    pred[2:4, 2:6, 1] = 0  # 8 that it has too much
    pred[10, 8, 7] = 5  # a speck
    found = find_regions(given, pred, (5, 9), (1.0, 1.0, 2.0))
    assert [(one.what, one.value, one.mm3) for one in found] == [("missing", 5, 32.0), ("extra", 5, 16.0)]
    first = found[0]
    assert (first.axis, first.best_slice) == (2, 4)
    assert (first.low, first.high) == ((2, 2, 4), (5, 5, 4))


def test_a_class_in_place_of_another_is_missing_and_extra():
    given = np.full((4, 4, 4), 5)
    found = find_regions(given, np.full((4, 4, 4), 9), (5, 9), (1.0, 1.0, 1.0))
    assert {(one.what, one.value) for one in found} == {("extra", 5), ("missing", 9)}


def test_equal_maps_have_none():
    label = np.ones((4, 4, 4), int)
    assert find_regions(label, label, (1,), (1.0, 1.0, 1.0)) == ()
