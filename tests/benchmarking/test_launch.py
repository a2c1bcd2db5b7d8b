"""Runs in processes of their own: side by side, as jobs of submitit, stopped by Ctrl-C."""

import inspect
import os
import signal
import subprocess
import sys
import time

import pytest

from alcseg.benchmarking import launch
from alcseg.benchmarking.launch import Work, _ended, _slots, _threads, count_jobs, make_executor
from alcseg.benchmarking.plan import read_plan
from alcseg.benchmarking.run import RunPaths, fail
from alcseg.errors import DataError, UsageError
from alcseg.records.benchmark_run import BenchmarkRecord


def records(out):
    found = map(BenchmarkRecord.read_file, out.glob(f"runs/*/*/seed-*/{BenchmarkRecord.NAME}"))
    return {record.row: record for record in found}


def words(plan, out, *more):
    command = [sys.executable, "-m", "alcseg", "benchmark", plan, "--out", out, "--device", "cpu", *more]
    return [str(word) for word in command]


def test_jobs_are_one_per_gpu_or_as_asked(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    assert [count_jobs(device, None) for device in ("auto", "cuda", "cuda:1", "cpu")] == [4, 4, 1, 1]
    assert [count_jobs("auto", jobs) for jobs in (0, 3)] == [0, 3]
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    assert count_jobs("auto", None) == 1


def test_a_killed_process_is_recorded_as_failed(content, write, tmp_path):
    plan = read_plan(write(content))
    record = _ended(Work(plan, tmp_path, plan.runs), plan.runs[0], -signal.SIGKILL)
    assert record.status == "failed"
    assert "SIGKILL. Out of memory, most likely" in record.error
    assert records(tmp_path) == {"hl_sup": record}
    with pytest.raises(KeyboardInterrupt):
        _ended(Work(plan, tmp_path, plan.runs), plan.runs[0], 130)


def test_a_process_that_ended_left_its_record_and_one_that_did_not_is_failed(content, write, tmp_path):
    plan = read_plan(write(content))
    work, run = Work(plan, tmp_path, plan.runs), plan.runs[0]
    left = fail(RunPaths(tmp_path, run), plan, DataError("no case"))
    assert _ended(work, run, 1) == left
    assert "exit code 7" in _ended(work, run, 7).error
    assert "exit code 7" in records(tmp_path)["hl_sup"].error


def test_a_run_that_another_process_is_at_keeps_its_record(content, write, tmp_path):
    plan = read_plan(write(content))
    record = _ended(Work(plan, tmp_path, plan.runs), plan.runs[0], UsageError.exit_code)
    assert (record.status, record.row) == ("failed", "hl_sup")
    assert "another process is at it" in record.error
    assert records(tmp_path) == {}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="tells of no cores")
def test_processes_side_by_side_share_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)))
    assert [_threads(jobs) for jobs in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]


def test_processes_side_by_side_share_the_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _slots("auto", 3) == [("cuda", "0"), ("cuda", "1"), ("cuda", "0")]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert _slots("cuda", 2) == [("cuda", "5"), ("cuda", "7")]
    assert _slots("cpu", 2) == [("cpu", None)] * 2
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    assert _slots("auto", 2) == [("auto", None)] * 2


def test_a_job_has_a_day_and_at_least_one_runs(tmp_path, monkeypatch):
    submitit = pytest.importorskip("submitit")
    asked = []
    monkeypatch.setattr(submitit.AutoExecutor, "update_parameters", lambda self, **words: asked.append(words))
    for jobs, options in ((None, {}), (0, {}), (3, {"timeout_min": 10})):
        make_executor(tmp_path / "out", jobs=jobs, options={"cluster": "local", **options})
    assert [words["timeout_min"] for words in asked] == [1440, 1440, 10]
    assert [words.get("slurm_array_parallelism") for words in asked] == [None, 1, 3]


def test_options_of_slurm_need_no_prefix_and_are_checked(tmp_path):
    pytest.importorskip("submitit")
    options = {"cluster": "local", "partition": "gpu", "slurm_qos": "high", "gpus_per_node": 1}
    executor = make_executor(tmp_path / "out", jobs=2, options=options)
    assert executor.cluster == "local"
    with pytest.raises(UsageError, match=r"--slurm: .*'partitoin'"):
        make_executor(tmp_path / "out", jobs=None, options={"cluster": "local", "partitoin": "gpu"})
    with pytest.raises(UsageError, match=r"--slurm: .*timeout_min"):
        make_executor(tmp_path / "out", jobs=None, options={"cluster": "local", "timeout_min": "long"})


@pytest.mark.parametrize(("jobs", "threads"), [(1, 6), (2, 3), (4, 1), (9, 1)])
def test_runs_side_by_side_share_the_cores(content, write, tmp_path, monkeypatch, jobs, threads):
    started = []

    class Context:
        def Process(self, target, args, name):
            started.append((target, args, name))
            return self

        def start(self):
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # which a process inherits

    monkeypatch.setattr(launch.os, "sched_getaffinity", lambda _: range(6), raising=False)
    monkeypatch.setattr(launch.multiprocessing, "get_context", lambda kind: Context())
    plan = read_plan(write(content))
    before = signal.getsignal(signal.SIGINT)
    launch._start(Work(plan, tmp_path, plan.runs, workers=2), plan.runs[0], "cpu", None, jobs)
    ((target, args, name),) = started
    assert target is launch._work_alone
    given = dict(zip(inspect.signature(target).parameters, args, strict=True))
    assert given["threads"] == threads
    assert (given["out"], given["run_id"], given["device"]) == (str(tmp_path), plan.runs[0].id, "cpu")
    assert given["workers"] == 2
    assert name == plan.runs[0].id
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("launcher", [["--jobs", "2"], ["--launcher", "slurm", "--slurm", "cluster=local"]])
def test_runs_in_other_processes_end_alike(content, write, tmp_path, launcher):
    if "slurm" in launcher:
        pytest.importorskip("submitit")
    content["rows"] = [
        "h_sup",
        "hl_sup",
        {"row": "broken", "method": "h_sup", "set": {"data.spacing": [90] * 3}},
    ]
    told = subprocess.run(
        words(write(content), tmp_path / "out", *launcher), capture_output=True, text=True, check=False
    )
    assert told.returncode == 3, told.stderr
    found = {row: record.status for row, record in records(tmp_path / "out").items()}
    assert found == {"h_sup": "done", "hl_sup": "done", "broken": "failed"}
    assert "tiny/broken/seed-0" in told.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_stops_all_runs_after_their_step_and_the_next_call_goes_on(content, write, tmp_path):
    content["rows"] = ["h_sup", "hl_sup"]
    content["set"] |= {"trainer.steps": 300, "trainer.checkpoint_every": 300}
    command = words(write(content), tmp_path / "out", "--jobs", "2")
    roots = [tmp_path / f"out/runs/tiny/{row}/seed-0" for row in content["rows"]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not all(_steps(root) > 1 for root in roots):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130, err
    assert records(tmp_path / "out") == {}
    reached = [_steps(root) for root in roots]
    assert all((root / "checkpoints/last.ckpt").is_file() for root in roots)
    assert all(steps < 300 for steps in reached)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert {record.steps for record in records(tmp_path / "out").values()} == {300}
    # The table of every run goes on where it was: no step is there twice.
    assert [len((root / "metrics.csv").read_text().splitlines()) for root in roots] == [301, 301]


def _steps(root):
    path = root / "metrics.csv"
    return len(path.read_text().splitlines()) - 1 if path.is_file() else 0
