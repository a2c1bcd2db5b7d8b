import numpy as np
import pytest

from alcseg.arrays import check_spacing, foreground_values, label_map, values_in
from alcseg.errors import LabelError, ShapeError


def test_whole_numbers_of_any_type_are_a_label_map() -> None:
    given = np.array([[0, 2]], np.int16)
    assert label_map(given, "pred") is given
    for other in ([[0, 2]], np.array([[0.0, 2.0]])):
        found = label_map(other, "pred")
        assert np.issubdtype(found.dtype, np.integer)
        assert np.array_equal(found, given)
    assert label_map(np.array([True, False]), "pred").tolist() == [1, 0]


@pytest.mark.parametrize("array", [[0.5, 1.0], [np.nan, 1.0], ["a", "b"], [1 + 0j]])
def test_other_values_are_refused(array: list[object]) -> None:
    with pytest.raises(LabelError, match="pred: expected a label map of whole numbers"):
        label_map(array, "pred")


def test_a_spacing_has_one_positive_value_per_axis() -> None:
    assert check_spacing((4, 5, 6), np.array([1.0, 0.5, 2.0])) == (1.0, 0.5, 2.0)
    for wrong in ((1.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, -1.0), (1.0, np.nan, 1.0), (np.inf, 1.0, 1.0), 1.0):
        with pytest.raises(ShapeError, match="one positive spacing"):
            check_spacing((4, 5, 6), wrong)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64])
def test_foreground_values_are_all_but_zero(kind: type) -> None:
    label = np.array([[0, 3, 3], [7, 0, 1]], kind)
    assert foreground_values(label) == {1, 3, 7}
    assert values_in(label) == {0, 1, 3, 7}
    assert values_in(label + 1) == {1, 2, 4, 8}
    assert (foreground_values(np.zeros((2, 2), kind)), values_in(np.zeros((2, 2), kind))) == (set(), {0})
