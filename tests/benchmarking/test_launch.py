"""Runs in processes of their own: side by side, as jobs of submitit, stopped by Ctrl-C."""

import signal
import subprocess
import sys
import time

import pytest

from alcseg.benchmarking.launch import Work, launch_runs
from alcseg.benchmarking.plan import read_plan
from alcseg.benchmarking.run import RunPaths, fail
from alcseg.errors import DataError, ResourceError, UsageError
from alcseg.records.benchmark_run import BenchmarkRecord


def records(out):
    found = map(BenchmarkRecord.read_file, out.glob(f"runs/*/*/seed-*/{BenchmarkRecord.NAME}"))
    return {record.row: record for record in found}


def words(plan, out, *more):
    command = [sys.executable, "-m", "alcseg", "benchmark", plan, "--out", out, "--device", "cpu", *more]
    return [str(word) for word in command]


class Ending:
    """A launcher whose jobs end at once, with this error."""

    def __init__(self, error):
        self.error = error

    def launch(self, jobs, ended):
        for job in jobs:
            ended(job, self.error)


@pytest.fixture
def ended(content, write, tmp_path):
    """The record of a run whose process ended with an error, or without one."""
    plan = read_plan(write(content))

    def record_of(error):
        told = []
        launch_runs(Work(plan, tmp_path, plan.runs), Ending(error), lambda run, record: told.append(record))
        return told[0]

    record_of.leave = lambda error: fail(RunPaths(tmp_path, plan.runs[0]), plan, error)
    return record_of


def test_a_killed_process_is_recorded_as_failed(ended, tmp_path):
    record = ended(ResourceError("the process of the run ended with signal SIGKILL."))
    assert record.status == "failed"
    assert "SIGKILL" in record.error
    assert records(tmp_path) == {"hl_sup": record}


def test_a_process_that_ended_left_its_record_and_one_that_did_not_is_failed(ended, tmp_path):
    assert "no record was written" in ended(None).error
    left = ended.leave(DataError("no case"))
    assert ended(None) == left
    assert records(tmp_path)["hl_sup"] == left


def test_a_run_that_another_process_is_at_keeps_its_record(ended, tmp_path):
    record = ended(UsageError("run tiny/hl_sup/seed-0: another process is at it."))
    assert (record.status, record.row) == ("failed", "hl_sup")
    assert "another process is at it" in record.error
    assert records(tmp_path) == {}


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
