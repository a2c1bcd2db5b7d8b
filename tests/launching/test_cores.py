"""How trainings share the cores: one each, unless there are fewer, memory is small, or some were begun."""

import pytest
import torch

from alcseg.launching import cores
from alcseg.launching.cores import Share, begun_threads, cores_are_shared, share_cores, with_threads
from alcseg.records.run import RunRecord
from alcseg.run import Run


@pytest.mark.parametrize(
    ("count", "gib", "free", "threads", "expected"),
    [
        (30, 0.25, None, None, Share(8, 1)),
        (30, 0.25, 100, None, Share(8, 1)),
        (3, 0.25, 100, None, Share(3, 2)),  # fewer trainings than cores: eight cores for three
        (1, 0.25, 100, None, Share(1, 8)),
        (30, 4.25, 21, None, Share(4, 2)),  # four times 5 GiB with their processes
        (30, 9.25, 5, None, Share(1, 8)),  # who knows; one is tried
        (30, 0.25, 100, 4, Share(2, 4)),  # as begun: two of four threads
        (1, 0.25, 100, 1, Share(1, 1)),
        (30, 0.25, 100, 16, Share(1, 16)),  # begun on a larger machine
    ],
)
def test_cores_are_shared_out(monkeypatch, count, gib, free, threads, expected):
    monkeypatch.setattr(cores, "usable_cores", lambda: 8)
    monkeypatch.setattr(cores, "free_memory_gib", lambda: free)
    assert share_cores(count, gib, threads) == expected


def test_a_share_is_told_in_words():
    assert str(Share(8, 1)) == "8 side by side, 1 thread each"
    assert str(Share(2, 4)) == "2 side by side, 4 threads each"


@pytest.mark.parametrize("gpu", [False, True])
def test_cores_are_shared_where_nothing_else_is_said_and_no_gpu_trains(monkeypatch, gpu):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert cores_are_shared("local", "cpu", "auto")
    assert cores_are_shared("local", "auto", "auto") is not gpu
    assert not cores_are_shared("slurm", "cpu", "auto")
    assert not any(cores_are_shared("local", "cpu", jobs) for jobs in (None, 0, 1, 2))


def test_what_was_begun_on_this_processor_says_how_many_threads(tmp_path):
    facts = [("cpu", 2), ("cpu", 1), ("cuda", 8), ("cuda", 8), ("cpu", 2), ("cpu", None)]
    for number, (device, threads) in enumerate(facts):
        RunRecord(device=device, threads=threads).write(tmp_path / str(number))
    (tmp_path / "damaged").mkdir()
    RunRecord.path(tmp_path / "damaged").write_text("{")
    assert begun_threads(map(Run, tmp_path.iterdir())) == 2
    assert begun_threads([Run(tmp_path / "2"), Run(tmp_path / "absent")]) is None


def test_threads_are_given_back():
    before = torch.get_num_threads()
    with with_threads(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before
