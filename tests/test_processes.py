"""Which process this is, as its launcher says."""

import os

import pytest

from alcseg.errors import UsageError
from alcseg.processes import Launched, is_first, launched, require_alone, wait_briefly

NAMES = (
    "TORCHELASTIC_RUN_ID", "RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "NODE_RANK",
    "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_NODES", "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NODEID",
)  # fmt: skip


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch):
    """Set what a launcher tells, and nothing else."""

    def told(**values: object) -> None:
        for name in NAMES:
            monkeypatch.delenv(name, raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, str(value))

    return told


def test_a_process_that_was_started_alone_is_the_first(tell) -> None:
    tell()
    assert launched() is None
    assert is_first()


def test_torchrun_says_how_many_and_which(tell) -> None:
    tell(TORCHELASTIC_RUN_ID="none", WORLD_SIZE=6, LOCAL_WORLD_SIZE=3, RANK=4, LOCAL_RANK=1, GROUP_RANK=1)
    assert launched() == Launched("torchrun", 6, 2, 4, 1, 1)
    assert not is_first()


def test_srun_says_how_many_and_which(tell) -> None:
    tell(SLURM_STEP_NUM_TASKS=4, SLURM_STEP_NUM_NODES=2, SLURM_PROCID=0, SLURM_LOCALID=0, SLURM_NODEID=0)
    assert launched() == Launched("srun", 4, 2, 0, 0, 0)
    assert is_first()


def test_a_job_of_slurm_without_srun_is_one_process(tell) -> None:
    tell(SLURM_PROCID=0, SLURM_STEP_NUM_TASKS=1)
    assert launched() is None
    assert is_first()


def test_tasks_that_are_spread_unevenly_are_refused(tell) -> None:
    tell(SLURM_STEP_NUM_TASKS=3, SLURM_STEP_NUM_NODES=2)
    with pytest.raises(UsageError, match="srun: expected equally many processes on each machine, got 3 on 2"):
        launched()


def test_processes_that_lightning_starts_know_their_number(tell) -> None:
    tell(WORLD_SIZE=2, LOCAL_RANK=1)
    assert launched() is None
    assert not is_first()
    tell(LOCAL_RANK=1)  # left by something else
    assert is_first()
    tell(NODE_RANK=1)  # the second machine, started by hand
    assert not is_first()


def test_a_verb_that_one_process_does_is_refused_by_the_first_of_several(tell) -> None:
    tell()
    require_alone("predict")
    tell(SLURM_STEP_NUM_TASKS=1)
    require_alone("predict")
    tell(TORCHELASTIC_RUN_ID="none", WORLD_SIZE=2, LOCAL_WORLD_SIZE=2, RANK=0, LOCAL_RANK=0)
    with pytest.raises(
        UsageError, match="alcseg predict: expected to be called once, found 2 processes of torchrun"
    ):
        require_alone("predict")
    tell(TORCHELASTIC_RUN_ID="none", WORLD_SIZE=2, LOCAL_WORLD_SIZE=2, RANK=1, LOCAL_RANK=1)
    with pytest.raises(SystemExit) as ended:
        require_alone("predict")
    assert ended.value.code == UsageError.exit_code


def test_threads_that_wait_go_to_sleep_unless_somebody_has_said_how(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    wait_briefly()
    assert int(os.environ["GOMP_SPINCOUNT"]) < 100_000  # the library's own is more
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    wait_briefly()
    assert os.environ["GOMP_SPINCOUNT"] == "7"
    monkeypatch.delenv("GOMP_SPINCOUNT")
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    wait_briefly()
    assert "GOMP_SPINCOUNT" not in os.environ
