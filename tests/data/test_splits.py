"""Draws are seeded, grouped, and do not depend on the order of the cases."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alcseg.data.splits import draw_hq, draw_splits, hold_out, read_hq_list
from alcseg.errors import DataError, UsageError

CASES = {f"c{index:02d}": f"c{index:02d}" for index in range(20)}


def test_counts_are_rounded_shares():
    split = draw_splits(CASES, val_fraction=0.1, test_fraction=0.2, seed=0)
    assert Counter(split.values()) == {"train": 14, "test": 4, "val": 2}
    assert draw_splits(CASES, val_fraction=0.1, test_fraction=0.2, seed=1) != split
    backwards = dict(reversed(CASES.items()))
    assert draw_splits(backwards, val_fraction=0.1, test_fraction=0.2, seed=0) == split
    assert set(draw_splits(CASES).values()) == {"train"}


@settings(deadline=None)
@given(groups=st.lists(st.integers(0, 9), min_size=12, max_size=40), seed=st.integers(0, 99))
def test_groups_stay_together(groups, seed):
    of_case = {f"c{index}": f"g{group}" for index, group in enumerate(groups)}
    try:
        split = draw_splits(of_case, val_fraction=0.1, test_fraction=0.1, seed=seed)
    except DataError:
        return  # Too few groups to fill three splits.
    for group in set(of_case.values()):
        assert len({split[case] for case in of_case if of_case[case] == group}) == 1
    assert set(split.values()) == {"train", "val", "test"}


def test_splits_in_order_take_the_last_cases():
    cases = {f"case_{index}": f"case_{index}" for index in (5, 3, 4, 0, 1)}
    split = draw_splits(cases, val_fraction=0.2, test_fraction=0.4, in_order=True)
    assert split == {
        "case_5": "train",
        "case_3": "train",
        "case_4": "val",
        "case_0": "test",
        "case_1": "test",
    }


def test_impossible_fractions_are_refused():
    with pytest.raises(UsageError, match=r"sum below 1, found 0\.5 and 0\.6"):
        draw_splits(CASES, val_fraction=0.5, test_fraction=0.6)
    with pytest.raises(
        DataError, match="expected enough groups for train, val and test, found 1 with 20 cases"
    ):
        draw_splits(dict.fromkeys(CASES, "one"), val_fraction=0.1)


def test_hq_is_chosen_one_of_three_ways():
    names = list(CASES)
    assert draw_hq(names, first=3) == {"c00", "c01", "c02"}
    assert draw_hq(names, names=["c05"]) == {"c05"}
    drawn = draw_hq(names, fraction=0.1, seed=3)
    assert len(drawn) == 2
    assert draw_hq(names[::-1], fraction=0.1, seed=3) == drawn
    assert len(draw_hq(names, fraction=0.001)) == 1
    with pytest.raises(UsageError, match="exactly one"):
        draw_hq(names, first=1, fraction=0.5)
    with pytest.raises(UsageError, match=r"--hq-first in 1\.\.20"):
        draw_hq(names, first=21)
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        draw_hq(names, fraction=0)
    with pytest.raises(DataError, match="none called x"):
        draw_hq(names, names=["x", "c01"])
    with pytest.raises(DataError, match="found none"):
        draw_hq([], first=1)


def test_a_drawn_share_of_hq_divides_no_group():
    groups = {f"p{n // 2}_{n % 2}": f"p{n // 2}" for n in range(20)}
    for seed in range(5):
        hq = draw_hq(list(groups), fraction=0.25, groups=groups, seed=seed)
        assert len(hq) == 6  # five are not whole groups
        assert {groups[case] for case in hq}.isdisjoint(groups[case] for case in groups.keys() - hq)
    alone = {case: f"{99 - n}" for n, case in enumerate(groups)}  # names of groups of one change no draw
    assert draw_hq(list(groups), fraction=0.3, groups=alone) == draw_hq(list(groups), fraction=0.3)


def test_whole_groups_are_held_out_first_those_without_doubt():
    groups = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c": "c", "a3": "a"}
    hq = ["a1", "a2", "b1", "b2", "c"]
    assert hold_out(hq, 1, groups) == {"a1", "a2"}
    assert hold_out(hq, 3, groups) == {"a1", "a2", "b1", "b2"}
    assert hold_out(hq, 1, groups, doubtful=["a3"]) == {"b1", "b2"}
    assert hold_out(hq, 9, groups) == {"a1", "a2", "b1", "b2"}  # one group is left
    assert hold_out(hq, 0, groups) == hold_out([], 1, groups) == hold_out(["c"], 1, groups) == set()


def test_hq_list_is_one_case_a_line(tmp_path):
    path = tmp_path / "hq.txt"
    path.write_bytes("\ufeffc01\r\n\r\n  c03 \r\n".encode())  # as a Windows editor saves it
    assert read_hq_list(path, CASES) == {"c01", "c03"}
    path.write_text("images/c01.nii.gz\nscans\\c03.nii\nc03\n")  # as a listing of a folder gives it
    assert read_hq_list(path, CASES) == {"c01", "c03"}
    path.write_text("c01.nii.gz\n")
    assert read_hq_list(path, ["c01", "c01.nii.gz"]) == {"c01.nii.gz"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"c01\nother\n", "names of labeled cases, one a line, found other. Correct"),
        (b"\n \n", "found no line"),
        (b"images/c99.nii.gz\n", r"found images/c99\.nii\.gz"),
        (b"\xff\xfe\x00", "UTF-8 text, found another encoding"),
        (None, "found no file"),
    ],
)
def test_hq_lists_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "hq.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"hq\.txt: expected .*{message}"):
        read_hq_list(path, CASES)
