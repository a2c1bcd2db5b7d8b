"""Quality of a pseudo-label: the classes that count."""

from math import isnan

import numpy as np
import pytest

from alcseg.benchmarking.pseudo_labels import _foreground_dice


def test_classes_that_neither_label_holds_do_not_count():
    truth = np.array([0, 1, 1, 1, 0])
    label = np.array([1, 1, 0, 0, 0])
    assert _foreground_dice(label, truth, 3) == pytest.approx(2 / 5)
    label[4] = 2  # a class that the truth lacks
    assert _foreground_dice(label, truth, 3) == pytest.approx((2 / 5 + 0) / 2)


def test_patches_without_foreground_have_no_quality():
    assert isnan(_foreground_dice(np.zeros(4), np.zeros(4), 3))
