"""Patients told from names of cases."""

import pytest

from alcseg.data.groups import groups_by_name, hint, propose_pattern
from alcseg.errors import DataError, UsageError

HEARTS = [f"patient{number:03d}_frame{frame:02d}" for number in (1, 3, 12) for frame in (1, 2)]


@pytest.mark.parametrize("pattern", ["patient[0-9]+", "^(patient[0-9]+)_", "^([^_]+)"])
def test_a_group_is_what_the_pattern_matches(pattern):
    groups = groups_by_name(HEARTS, pattern)
    assert list(groups) == HEARTS
    assert list(groups.values()) == ["patient001"] * 2 + ["patient003"] * 2 + ["patient012"] * 2


@pytest.mark.parametrize(
    ("pattern", "error", "words"),
    [
        ("patient(", UsageError, "regular expression such as"),
        ("patient0[0-9]2", DataError, "nothing in 4 of 6: patient001_frame01"),
        ("(x)?patient", DataError, "nothing in 6 of 6"),
        ("x*", DataError, "nothing in 6 of 6"),
    ],
)
def test_a_pattern_that_tells_no_groups_is_refused(pattern, error, words):
    with pytest.raises(error, match=words):
        groups_by_name(HEARTS, pattern)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (HEARTS, "^(.+)_"),
        (["p1-ed", "p1-es", "p2-ed"], "^(.+)-"),
        (["a_1_x", "a_1_y", "a_2_x", "a_2_y"], "^(.+)_"),
        ([f"hippocampus_{number:03d}" for number in range(30)], None),  # one name for all
        ([f"case{number}_ct" for number in range(30)], None),  # a scan each
        ([f"site{site}_{number}" for site in (1, 2) for number in range(11)], None),  # too many of each
        (["p1_a", "p1_b", "p2_a", "p3_a", "p4_a"], None),  # most have a scan each
        (["left_a", "left_b", "right_a", "right_b"], None),  # no number
        (["1", "2"], None),
        ([], None),
    ],
)
def test_a_pattern_is_proposed_where_names_share_a_number(names, pattern):
    assert propose_pattern(names) == pattern
    if pattern:
        assert len(set(groups_by_name(names, pattern).values())) < len(names)


def test_cases_that_are_grouped_need_no_hint():
    alone = {name: name for name in HEARTS}
    assert "--group-regex '^(.+)_'" in hint(alone)
    assert hint(alone | {HEARTS[0]: "patient001"}) is None
    assert hint({}) is None
