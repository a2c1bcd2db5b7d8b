import tracemalloc

import numpy as np
import pytest

from alcseg.commands._spool import Spool


def test_what_is_put_in_is_taken_out_once_and_nothing_stays_behind(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    with Spool(tmp_path) as spool:
        spool.put("a", {"probs": array})
        spool.put("b", "other")
        assert len(list(tmp_path.rglob("*"))) == 3  # the folder, and a file for each
        taken = spool.take("a")["probs"]
        assert taken.dtype == array.dtype
        assert np.array_equal(taken, array)
        assert len(list(tmp_path.rglob("*"))) == 2
        taken[0, 0] = 5  # a copy of its own
        with pytest.raises(FileNotFoundError):
            spool.take("a")
    assert list(tmp_path.iterdir()) == []


def test_arrays_that_are_taken_out_stay_on_disk_until_they_are_looked_at(tmp_path):
    large = np.ones((64, 64, 64), np.float32)
    with Spool(tmp_path) as spool:
        spool.put("a", (large, large[::8], np.empty((0, 3)), np.asfortranarray(large[:3])))
        tracemalloc.start()
        taken = spool.take("a")
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert held < large.nbytes  # of `large[::8]`, which is not contiguous, there is a copy
    for found, expected in zip(taken, (large, large[::8], np.empty((0, 3)), large[:3]), strict=True):
        assert np.array_equal(found, expected)
        assert found.shape == expected.shape
