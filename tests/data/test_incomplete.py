"""Voxels that nobody labeled and classes that nobody drew, from the file to the arrays."""

from pathlib import Path

import numpy as np
import pytest

from alcseg.data.case import Volume
from alcseg.data.incomplete import (
    keep_within,
    marginal_probabilities,
    put_back,
    require_drawn,
    take_out,
    undrawn_classes,
    within_known,
)
from alcseg.errors import DataError, LabelError
from alcseg.records.cases import CaseRow

LABELS = {"background": 0, "liver": 5, "spleen": 9}


def volume(values: object) -> Volume:
    return Volume(np.array(values, np.uint8), np.eye(4), None, Path("label.nii.gz"))


def test_what_is_taken_out_comes_back() -> None:
    label = volume([0, 5, 255, 9])
    taken = take_out(label, 255, 0)
    assert taken.array.tolist() == [0, 5, 0, 9]
    assert taken.known is not None
    assert taken.known.tolist() == [True, True, False, True]
    assert put_back(taken.array, taken.known, 255).tolist() == label.array.tolist()
    assert put_back(np.array([1, 1], np.uint8), np.array([True, False]), 300).tolist() == [1, 300]


@pytest.mark.parametrize(("ignore", "values"), [(None, [0, 5]), (255, [0, 5])])
def test_a_complete_label_stays_as_it_is(ignore: int | None, values: list[int]) -> None:
    label = volume(values)
    assert take_out(label, ignore, 0) is label
    assert put_back(label.array, label.known, ignore) is label.array


@pytest.mark.parametrize(
    ("cell", "undrawn"),
    [("", ()), ("liver;spleen", ()), ("liver", (2,)), (" spleen | background", (1,)), ("spleen;", (1,))],
)
def test_classes_that_a_line_leaves_out_were_not_drawn(cell: str, undrawn: tuple[int, ...]) -> None:
    assert undrawn_classes(CaseRow(case_id="a", classes_drawn=cell), LABELS) == undrawn


@pytest.mark.parametrize(
    ("cell", "said"), [("liver;kidney", "found kidney"), ("background", "background alone")]
)
def test_other_names_are_refused(cell: str, said: str) -> None:
    with pytest.raises(DataError, match=f"case 'a': expected in classes_drawn .*{said}"):
        undrawn_classes(CaseRow(case_id="a", classes_drawn=cell), LABELS)


def test_a_label_with_a_class_that_nobody_drew_is_refused() -> None:
    require_drawn(volume([0, 5]), (2,), LABELS)
    with pytest.raises(LabelError, match=r"expected no 'spleen', which classes_drawn .* found 2 voxels"):
        require_drawn(volume([9, 5, 9]), (2,), LABELS)


def test_background_has_the_probability_of_what_was_not_drawn() -> None:
    probs = np.array([[0.2, 0.1], [0.3, 0.6], [0.5, 0.3]], np.float32)
    assert marginal_probabilities(probs, ()) is probs
    np.testing.assert_allclose(marginal_probabilities(probs, (2,)), [[0.7, 0.4], [0.3, 0.6], [0, 0]])
    within = within_known(probs, np.array([True, False]), (2,))
    np.testing.assert_allclose(within, [[0.7, 1], [0.3, 0], [0, 0]])


def test_a_map_is_kept_where_it_can_be_held_against_a_label() -> None:
    label = np.array([5, 9, 5, 0])
    assert keep_within(label, np.array([True, True, False, True]), (9,)).tolist() == [5, 0, 0, 0]
    assert keep_within(label, None, ()) is label
