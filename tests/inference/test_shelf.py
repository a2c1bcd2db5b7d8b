"""Arrays on disk come back in slabs, value by value, and leave nothing behind."""

import numpy as np
import pytest
import torch

from alcseg.inference import shelf as module
from alcseg.inference.shelf import Shelf


@pytest.mark.parametrize("values", [1, 3 * 2 * 20 * 2, 10**9])
def test_slabs_put_together_are_what_was_put(values, rng, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SLAB_VALUES", values)
    arrays = [rng.normal(size=(2, 7, 5, 4)).astype(np.float32) for _ in range(3)]
    arrays[1] = np.asfortranarray(arrays[1])
    with Shelf(tmp_path) as shelf:
        for array in arrays:
            shelf.put(array)
        found = list(shelf.slabs())
        assert not list(tmp_path.iterdir()), "the file has no name that a killed process could leave"
    assert [rows.start for rows, _ in found] == list(range(0, 7, found[0][0].stop))
    for number, array in enumerate(arrays):
        whole = torch.cat([parts[number] for _, parts in found], dim=1)
        assert np.array_equal(whole.numpy(), array)
