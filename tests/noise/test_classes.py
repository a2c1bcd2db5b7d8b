import numpy as np

from alcseg.noise._classes import relabel


def test_gained_voxels_take_nearest_class_and_ties_the_lower_value() -> None:
    label = np.array([[[0, 7, 0, 0, 0, 3, 0]]])
    grown = np.ones(label.shape, bool)
    # Index 3 is two voxels from both 7 and 3: the lower value wins.
    expected = [7, 7, 7, 3, 3, 3, 3]
    got = relabel(label, grown, spacing=(1.0, 1.0, 1.0), background=0)
    assert got.ravel().tolist() == expected


def test_nearest_is_measured_in_mm() -> None:
    label = np.zeros((3, 1, 4), dtype=np.int16)
    label[0, 0, 0] = 1  # 2 voxels of 1 mm from (2, 0, 0)
    label[2, 0, 1] = 2  # 1 voxel of 5 mm from it
    got = relabel(label, np.ones(label.shape, bool), spacing=(1.0, 1.0, 5.0), background=0)
    assert got[2, 0, 0] == 1
    assert got.dtype == label.dtype


def test_kept_voxels_keep_class_and_lost_ones_become_background() -> None:
    label = np.array([[[-1, 4, 4, 2, 2, -1]]])
    foreground = np.array([[[False, False, True, True, False, False]]])
    got = relabel(label, foreground, spacing=(1.0, 1.0, 1.0), background=-1)
    assert got.ravel().tolist() == [-1, -1, 4, 2, -1, -1]
