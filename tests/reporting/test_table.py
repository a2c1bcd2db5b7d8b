"""What is printed of a number, and which numbers of a column are best."""

from math import nan

import numpy as np

from alcseg.reporting.table import Interval, Stat, best_rows, stat_over_seeds
from alcseg.reporting.values import Values


def values(*by_case):
    return Values((0,), tuple("abc"[: len(by_case)]), np.array([by_case]))


def test_the_best_is_the_highest_dice_and_the_lowest_distance():
    found = {"low": values(0.25, 0.5), "high": values(0.5, 0.75), "bound": values(1.0, 1.0)}
    assert best_rows(found, "dice", {"bound"}) == {"high"}
    assert best_rows(found, "hd95", {"bound"}) == {"low"}


def test_rows_that_are_printed_alike_are_best_together():
    found = {"one": values(0.5), "two": values(0.50004), "three": values(0.5001)}
    assert best_rows({name: found[name] for name in ("one", "two")}, "dice", ()) == {"one", "two"}
    assert best_rows(found, "dice", ()) == {"three"}  # 50.00, 50.00 and 50.01 %


def test_a_row_alone_is_not_best():
    assert best_rows({"one": values(0.5)}, "dice", ()) == set()
    assert best_rows({"one": values(0.5), "bound": values(0.4)}, "dice", {"bound"}) == set()


def test_numbers_as_they_are_printed():
    assert Stat(88.874).text == "88.87"
    assert Stat(88.874, 0.3).text == "88.87 ± 0.30"
    assert Interval(-1, 2.345).text == "-1.00 to 2.35"
    assert Interval(1, 2.345, signed=True).text == "+1.00 to +2.35"
    assert stat_over_seeds([1.0, 3.0], digits=0).text == "2 ± 1"
    assert np.isnan(stat_over_seeds([nan]).mean)
