"""Folds: groups whole, sizes alike, the same for the same seed."""

from collections import Counter

import pytest

from alcseg.auditing.folds import draw_folds
from alcseg.errors import DataError


def test_a_group_is_never_divided_and_folds_are_about_as_large():
    groups = {f"case_{number:02d}": f"patient_{number // 3}" for number in range(30)}
    folds = draw_folds(groups, 3, seed=4)
    assert set(folds) == set(groups)
    for patient in set(groups.values()):
        assert len({folds[case] for case, group in groups.items() if group == patient}) == 1
    assert max(Counter(folds.values()).values()) - min(Counter(folds.values()).values()) <= 3


def test_the_order_of_the_cases_does_not_matter_and_the_seed_does():
    groups = {f"case_{number}": f"case_{number}" for number in range(12)}
    backwards = dict(reversed(groups.items()))
    assert draw_folds(groups, 3) == draw_folds(backwards, 3)
    assert draw_folds(groups, 3) != draw_folds(groups, 3, seed=1)


def test_a_large_group_does_not_leave_a_fold_empty():
    groups = {f"case_{number}": "one" if number < 8 else f"case_{number}" for number in range(10)}
    assert set(draw_folds(groups, 3).values()) == {0, 1, 2}


def test_fewer_groups_than_folds_are_refused():
    with pytest.raises(DataError, match="at least 3 groups for 3 folds, found 2 with 4 cases"):
        draw_folds({"a": "x", "b": "x", "c": "y", "d": "y"}, 3)
