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
        with pytest.raises(FileNotFoundError):
            spool.take("a")
    assert list(tmp_path.iterdir()) == []
