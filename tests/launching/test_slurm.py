"""Jobs through submitit: options, what a job hands back, and what its crash is called."""

import contextlib
import logging

import pytest

from alcseg.errors import GeometryError, ResourceError, UsageError
from alcseg.launching import Job
from alcseg.launching.slurm import SlurmLauncher, _Work

submitit = pytest.importorskip("submitit")


def refuse(device):
    raise GeometryError("expected a round one")


def crash(device):
    raise RuntimeError("no luck")


def well(device):
    assert device == "cuda"


class Submission:
    """A job as submitit tells of it, done in this process."""

    def __init__(self, number, work):
        self.job_id, self.canceled, self.found, self.trace = f"7_{number}", False, None, None
        try:
            self.found = work()
        except RuntimeError as error:
            self.trace = RuntimeError(f"Traceback (most recent call last):\n\nRuntimeError: {error}\n")

    def done(self):
        return True

    def exception(self):
        return self.trace

    def result(self):
        return self.found

    def cancel(self):
        self.canceled = True


class Executor:
    """As much of submitit as is used; its own for trials waits for a debugger at every crash."""

    cluster = "local"

    def __init__(self):
        self.submitted = []

    def batch(self):
        return contextlib.nullcontext()

    def submit(self, work):
        self.submitted.append(Submission(len(self.submitted), work))
        return self.submitted[-1]


@pytest.fixture(autouse=True)
def _same_log(monkeypatch):
    """A job sets the log up for a process of its own; here it is this one."""
    monkeypatch.setattr("alcseg.launching.slurm.log_to_stderr", lambda level: None)


def set_up(folder, jobs=None, **options):
    return SlurmLauncher.of(folder, jobs=jobs, options={"cluster": "local", **options}, device="cuda")


def test_a_job_has_a_day_and_at_least_one_runs(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(submitit.AutoExecutor, "update_parameters", lambda self, **words: asked.append(words))
    for jobs, options in ((None, {}), (0, {}), (3, {"timeout_min": 10})):
        set_up(tmp_path / "out", jobs, **options)
    assert [words["timeout_min"] for words in asked] == [1440, 1440, 10]
    assert [words.get("slurm_array_parallelism") for words in asked] == [None, 1, 3]


def test_options_of_slurm_need_no_prefix_and_are_checked(tmp_path):
    launcher = set_up(tmp_path / "out", 2, partition="gpu", slurm_qos="high", gpus_per_node=1)
    assert launcher.executor.cluster == "local"
    with pytest.raises(UsageError, match=r"--slurm: .*'partitoin'"):
        set_up(tmp_path / "out", partitoin="gpu")
    with pytest.raises(UsageError, match=r"--slurm: .*timeout_min"):
        set_up(tmp_path / "out", timeout_min="long")


def test_every_job_ends_with_its_own_error(tmp_path, caplog):
    launcher = SlurmLauncher(Executor(), tmp_path / "slurm", "cuda")
    jobs, found = [Job("good", well), Job("broken", refuse), Job("crashed", crash)], {}
    with caplog.at_level(logging.INFO, "alcseg"):
        launcher.launch(jobs, lambda job, error: found.update({job.name: error}))
    assert "3 job(s) submitted, the first is 7_0" in caplog.text
    assert found["good"] is None
    assert (type(found["broken"]), str(found["broken"])) == (GeometryError, "expected a round one")
    assert type(found["crashed"]) is ResourceError
    assert str(found["crashed"]) == f"job 7_2: RuntimeError: no luck. See {tmp_path / 'slurm'}."


def test_ctrl_c_cancels_the_jobs_that_wait(tmp_path):
    executor = Executor()

    def stop(job, error):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SlurmLauncher(executor, tmp_path, "cuda").launch([Job("first", well), Job("second", well)], stop)
    assert [one.canceled for one in executor.submitted] == [False, True]


def test_a_job_near_its_time_limit_is_submitted_again():
    work = _Work(Job("good", well), "cuda")
    assert work.checkpoint().function is work
