"""Jobs in processes of this machine: their share of cores and GPUs, their errors, how they are stopped."""

import inspect
import multiprocessing
import os
import signal
from functools import partial

import pytest

from alcseg.errors import DataError, GeometryError, ResourceError, UsageError
from alcseg.launching import Job, LocalLauncher, local, make_launcher
from alcseg.launching.local import _slots, _why_failed, count_jobs, threads_of_each


def leave(path, device):
    path.write_text(device)


def refuse(device):
    raise GeometryError("expected a round one")


def crash(device):
    os._exit(7)


def told(error=None):
    """The end of a pipe through which a process has told its error."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    if error is not None:
        sender.send(error)
    sender.close()
    return receiver


def launch(side_by_side, *jobs):
    found = {}
    LocalLauncher("cpu", side_by_side).launch(jobs, lambda job, error: found.update({job.name: error}))
    return found


def test_jobs_are_one_per_gpu_or_as_asked(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert [count_jobs(device, None) for device in ("auto", "cuda", "cuda:1", "cpu")] == [4, 4, 1, 1]
    assert [count_jobs("auto", jobs) for jobs in (0, 3, "auto")] == [0, 3, 4]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert count_jobs("auto", None) == 1


def test_a_job_that_fails_in_this_process_does_not_stop_the_others(tmp_path):
    found = launch(0, Job("broken", refuse), Job("good", partial(leave, tmp_path / "left")))
    assert list(found) == ["broken", "good"]
    assert (type(found["broken"]), found["good"]) == (GeometryError, None)
    assert (tmp_path / "left").read_text() == "cpu"


@pytest.mark.slow
def test_errors_of_other_processes_come_back_with_their_type(tmp_path):
    jobs = [Job("broken", refuse), Job("good", partial(leave, tmp_path / "left")), Job("gone", crash)]
    found = launch(2, *jobs)
    assert {name: type(error) for name, error in found.items()} == {
        "broken": GeometryError, "good": type(None), "gone": ResourceError,
    }  # fmt: skip
    assert str(found["broken"]) == "expected a round one"
    assert "process of gone ended with exit code 7" in str(found["gone"])
    assert (tmp_path / "left").read_text() == "cpu"


def test_how_a_process_ended_is_told():
    job = Job("one", refuse)
    assert _why_failed(job, 0, told()) is None
    error = _why_failed(job, 4, told(DataError("no case")))
    assert (type(error), str(error)) == (DataError, "no case")
    killed = _why_failed(job, -signal.SIGKILL, told())
    assert "one ended with signal SIGKILL. Out of memory, most likely" in str(killed)
    assert "exit code 7" in str(_why_failed(job, 7, told()))
    with pytest.raises(KeyboardInterrupt):
        _why_failed(job, 130, told())


def test_processes_side_by_side_share_the_cores(monkeypatch):
    monkeypatch.setattr(local, "usable_cores", lambda: 8)
    assert [threads_of_each(jobs) for jobs in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]


def test_processes_side_by_side_share_the_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _slots("auto", 3) == [("cuda", "0"), ("cuda", "1"), ("cuda", "0")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert _slots("cuda", 2) == [("cuda", "5"), ("cuda", "7")]
    assert _slots("cpu", 2) == [("cpu", None)] * 2
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert _slots("auto", 2) == [("auto", None)] * 2


@pytest.mark.parametrize(
    ("jobs", "asked", "threads", "beside"),
    [(1, None, 6, None), (2, None, 3, 2), (4, None, 1, 4), (9, None, 1, 9), (2, 5, 5, 2)],
)
def test_a_process_has_its_share_and_ignores_ctrl_c(monkeypatch, jobs, asked, threads, beside):
    started = []

    class Context:
        Pipe = staticmethod(multiprocessing.Pipe)

        def Process(self, target, args, name):
            started.append((target, args, name))
            return self

        def start(self):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # which a process inherits

    monkeypatch.setattr(local, "usable_cores", lambda: 6)
    monkeypatch.setattr(local.multiprocessing, "get_context", lambda kind: Context())
    monkeypatch.setattr(local, "progress_wanted", lambda: True)
    before = signal.getsignal(signal.SIGINT)
    job = Job("one", refuse)
    local._start(job, "cpu", None, jobs, asked)
    ((target, args, name),) = started
    assert target is local._work_alone
    given = dict(zip(inspect.signature(target).parameters, args, strict=True))
    assert (given["job"], given["device"], given["threads"]) == (job, "cpu", threads)
    assert given["beside"] == beside
    assert name == "one"
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lsf", {}, "expected one of local, slurm, got 'lsf'"),
        ("local", {"slurm": ["partition=gpu"]}, "--slurm: expected --launcher slurm"),
        ("local", {"jobs": -1}, "--jobs: expected at least 0, or auto, got -1"),
        ("local", {"jobs": "many"}, "--jobs: expected at least 0, or auto, got many"),
        ("slurm", {"slurm": ["partition"]}, "expected KEY=VALUE"),
        ("slurm", {"slurm": ["partition="]}, "expected KEY=VALUE"),
        ("slurm", {"slurm": ["partition=[gpu"]}, "Quote it"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path, name, options, message):
    with pytest.raises(UsageError, match=message):
        make_launcher(name, tmp_path, **({"jobs": None, "slurm": (), "device": "cpu"} | options))
