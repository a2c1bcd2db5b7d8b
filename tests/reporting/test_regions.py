import numpy as np

from alcseg.reporting.regions import find_regions


def _case() -> tuple[np.ndarray, np.ndarray]:
    given = np.zeros((12, 10, 8), np.uint8)
    given[1:5, 1:5, 1:5] = 1
    proposed = given.copy()
    proposed[7:10, 2:5, 3:5] = 2  # 18 voxels added
    proposed[1:3, 1:3, 1:3] = 0  # 8 removed
    proposed[4, 4, 4] = 2  # 1 changed, too small for a region of its own
    return given, proposed


def test_regions_are_listed_by_size_and_kind() -> None:
    given, proposed = _case()
    regions, region_map = find_regions(given, proposed, (1.0, 2.0, 0.5))
    assert [(one.kind, one.voxels, one.mm3, one.classes, one.scattered) for one in regions] == [
        ("added", 18, 18.0, (2,), False),
        ("removed", 8, 8.0, (1,), False),
        ("changed", 1, 1.0, (1, 2), True),
    ]
    np.testing.assert_array_equal(region_map > 0, given != proposed)
    for one in regions:
        assert region_map[one.place] == one.number


def test_touching_regions_of_different_kinds_stay_apart() -> None:
    given, proposed = np.zeros((6, 6, 6), np.uint8), np.zeros((6, 6, 6), np.uint8)
    given[0:3] = 1
    proposed[0:2] = 0
    proposed[2] = 1
    proposed[3:5] = 1
    regions, _ = find_regions(given, proposed, (1.0, 1.0, 1.0))
    assert {one.kind: one.voxels for one in regions} == {"removed": 72, "added": 72}


def test_small_and_many_regions_are_taken_together() -> None:
    given = np.zeros((40, 40, 4), np.uint8)
    proposed = given.copy()
    proposed[::4, ::4, 0:3] = 1  # 100 columns of three voxels
    regions, region_map = find_regions(given, proposed, (1.0, 1.0, 1.0))
    assert len(regions) == 61
    assert regions[-1].scattered
    assert regions[-1].voxels == 40 * 3
    np.testing.assert_array_equal(region_map > 0, proposed > 0)


def test_equal_labels_have_no_region() -> None:
    given, _ = _case()
    regions, region_map = find_regions(given, given, (1.0, 1.0, 1.0))
    assert regions == ()
    assert not region_map.any()


def test_a_rejected_region_is_as_given_and_all_others_as_proposed() -> None:
    given, proposed = _case()
    _, region_map = find_regions(given, proposed, (1.0, 1.0, 1.0))
    half = np.where(region_map == 1, given, proposed)  # as the page does it
    expected = proposed.copy()
    expected[7:10, 2:5, 3:5] = 0
    np.testing.assert_array_equal(half, expected)
    np.testing.assert_array_equal(np.where(region_map > 0, given, proposed), given)
