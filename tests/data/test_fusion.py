"""One label map of several, against SimpleITK, by hand, and whatever the order of the readers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from alcseg.data.fusion import FUSIONS, fuse
from alcseg.errors import PackageError, ShapeError, UsageError

SPACING = (1.0, 1.0, 1.0)
MAPS = arrays.arrays(np.uint8, (4, 3, 3), elements=st.sampled_from((0, 1, 2)))


def ball(radius, center=9.5):
    x, y, z = np.ogrid[:20, :20, :20]
    return ((x - center) ** 2 + (y - 9.5) ** 2 + (z - 9.5) ** 2 <= radius**2).astype(np.uint8)


@settings(max_examples=40, deadline=None)
@given(st.lists(MAPS, min_size=2, max_size=5))
def test_majority_is_that_of_simpleitk_where_that_decides(labels):
    sitk = pytest.importorskip("SimpleITK")
    reference = sitk.GetArrayFromImage(sitk.LabelVoting([sitk.GetImageFromArray(one) for one in labels], 9))
    fused = fuse(labels, (0, 1, 2), SPACING)
    assert np.array_equal(fused[reference != 9], reference[reference != 9])
    votes = np.stack([sum(one == value for one in labels) for value in (0, 1, 2)])
    assert (np.take_along_axis(votes, fused[None].astype(int), 0)[0] == votes.max(0)).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(MAPS, min_size=2, max_size=4))
def test_the_order_of_readers_does_not_count(labels):
    assert np.array_equal(fuse(labels, (0, 1, 2), (1, 1, 3)), fuse(labels[::-1], (0, 1, 2), (1, 1, 3)))


@pytest.mark.parametrize("how", FUSIONS)
def test_what_all_drew_stays(how):
    label = ball(5) * 7
    assert np.array_equal(fuse([label, label.copy(), label.copy()], (0, 7), SPACING, how), label)
    assert not fuse([label * 0] * 2, (0, 7), SPACING, how).any()


def test_two_readers_are_met_midway_whichever_draws_larger():
    fused = fuse([ball(4), ball(8)], (0, 1), SPACING)
    # of a ball of radius 6: 4/3 pi 216 = 905 voxels; background at ties would give radius 4, 268
    assert int(fused.sum()) == pytest.approx(905, rel=0.08)
    assert fused.dtype == np.uint8


def test_readers_who_are_a_voxel_apart_are_met_at_their_mean_volume():
    one, two = ball(6), ball(7)
    fused = fuse([one, two], (0, 1), SPACING)
    assert abs(int(fused.sum()) - (int(one.sum()) + int(two.sum())) / 2) <= 1
    assert (one <= fused).all()
    assert (fused <= two).all()


def test_a_structure_that_one_of_two_drew_is_left_out():
    assert not fuse([ball(3), ball(3) * 0], (0, 1), SPACING).any()


def test_two_classes_that_are_level_are_parted_midway_and_the_value_0_may_be_a_class():
    one = np.full((9, 3, 3), 5, np.uint8)
    two = one.copy()
    one[1:5], one[5:8] = 0, 3  # the border between the classes lies at 5 and at 3
    two[1:3], two[3:8] = 0, 3
    fused = fuse([one, two], (5, 0, 3), SPACING)
    # x = 4 is as far from one border as x = 3 from the other; the mean volumes are 3 and 4 slices
    assert fused[:, 1, 1].tolist() == [5, 0, 0, 0, 3, 3, 3, 3, 5]


def test_staple_weighs_readers_by_what_they_do_elsewhere():
    pytest.importorskip("SimpleITK")
    good, poor = ball(6), ball(6, center=13.5)
    labels = [good, good.copy(), poor]
    assert np.array_equal(fuse(labels, (0, 1), SPACING, "staple"), good)


def test_nonsense_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="expected labels of at least two readers to fuse, got 1"):
        fuse([ball(3)], (0, 1), SPACING)
    with pytest.raises(UsageError, match="expected one of majority, staple to fuse labels by, got 'mean'"):
        fuse([ball(3), ball(4)], (0, 1), SPACING, "mean")
    with pytest.raises(ShapeError, match=r"one shape to fuse, got \(20, 20, 20\) and \(20, 20, 19\)"):
        fuse([ball(3), ball(3)[..., :19]], (0, 1), SPACING)
    monkeypatch.setitem(__import__("sys").modules, "SimpleITK", None)
    with pytest.raises(PackageError, match=r"pip install 'alcseg\[raters\]', or fuse by majority"):
        fuse([ball(3), ball(4)], (0, 1), SPACING, "staple")


def test_a_value_that_the_first_label_cannot_hold_is_no_obstacle() -> None:
    small, large = np.zeros((3, 3, 3), np.uint8), np.zeros((3, 3, 3), np.int16)
    small[1, 1, 1], large[1, 1, 1] = 1, 300
    for labels in ([small, large, large], [large, small, large]):
        fused = fuse(labels, (0, 1, 300), (1.0, 1.0, 1.0))
        assert fused[1, 1, 1] == 300
        assert np.count_nonzero(fused) == 1
