"""Two processes take the step of one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from alcseg.training_methods import METHODS

STEP = Path(__file__).with_name("two_steps.py")


@pytest.mark.timeout(300)
def test_a_step_of_two_processes_is_that_of_one(tmp_path: Path) -> None:
    threads = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([sys.executable, str(STEP), str(tmp_path), str(rank), str(world)], env=threads)
        for world in (1, 2)
        for rank in range(world)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    alone, first, second = (torch.load(tmp_path / name) for name in ("0-of-1", "0-of-2", "1-of-2"))
    assert set(alone) == set(METHODS)
    for name, (terms, before, after) in alone.items():
        # Of the way the weights moved: Adam makes whole steps of the rounding of a gradient that is zero.
        allowed = 1e-3 * float((after - before).norm())
        assert allowed > 0
        for shared_terms, _, shared_after in (first[name], second[name]):
            assert float((shared_after - after).norm()) <= allowed, name
            for term, value in terms.items():
                torch.testing.assert_close(
                    shared_terms[term], value, rtol=1e-3, atol=1e-6, msg=f"{name}: {term}"
                )
