"""The processes that make up one training: who started them, how many they are, and which of them this is.

torchrun and SLURM's srun start them all; else Lightning starts the others when the first begins to fit. What
they are told stands in their environment, which is read when it is asked for.
"""

import os
from dataclasses import dataclass

from alcseg.errors import UsageError

__all__ = ["Launched", "is_first", "launched", "require_alone", "require_workers", "wait_briefly"]

_SPINS = "20000"


def wait_briefly() -> None:
    """Have threads of OpenMP that wait for each other go to sleep sooner; to be called before torch is there.

    torch's OpenMP has them spin for long. Where other programs want the cores, two threads then keep each
    other from working: a training step of 0.4 s took 20 s and more, and 5.5 s with this; on quiet cores both
    take the same (`benchmarks/shared_cores.py`). Who has set either variable knows better.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


@dataclass(frozen=True)
class Launched:
    """This process among those that a launcher started.

    Attributes:
        by: `torchrun` or `srun`.
        count: Processes.
        nodes: Machines, with equally many processes on each.
        rank: Number of this process, from 0.
        local_rank: Its number on its machine.
        node: Number of its machine.
    """

    by: str
    count: int
    nodes: int
    rank: int
    local_rank: int
    node: int

    @property
    def per_node(self) -> int:
        """Processes of a machine."""
        return self.count // self.nodes


def launched() -> Launched | None:
    """What a launcher says of this process; None where it was started alone.

    A job of SLURM whose script calls `alcseg` without srun, or by an srun of a single task, is alone.

    Raises:
        UsageError: If not all machines have equally many processes.
    """
    found = _told()
    if found is not None and found.count != found.per_node * found.nodes:
        raise UsageError(
            f"{found.by}: expected equally many processes on each machine, got {found.count} on "
            f"{found.nodes}. Ask for a multiple."
        )
    return found


def require_alone(verb: str) -> None:
    """Refuse processes that a launcher started for a verb that is done by one; the first says it for all.

    Raises:
        UsageError: In the first of several.
        SystemExit: In the others, with the same exit code.
    """
    found = _told()
    if found is not None and found.count > 1:
        if found.rank:
            raise SystemExit(UsageError.exit_code)
        raise UsageError(
            f"alcseg {verb}: expected to be called once, found {found.count} processes of {found.by} that "
            f"would all do the same. Leave out {found.by}; only `alcseg train` is done by several."
        )


def require_workers(count: int) -> None:
    """Refuse a number of processes beside this one that cannot be.

    Raises:
        UsageError: If it is negative.
    """
    if count < 0:
        raise UsageError(f"--workers: expected 0 or more, got {count}.")


def is_first() -> bool:
    """Whether this process is the one that writes and speaks."""
    found = _told()
    if found is not None:
        return found.rank == 0
    started_by_lightning = "WORLD_SIZE" in os.environ
    return _number("NODE_RANK") == 0 and not (started_by_lightning and _number("LOCAL_RANK"))


def _told() -> Launched | None:
    """What the environment says, unchecked."""
    found = None
    if "TORCHELASTIC_RUN_ID" in os.environ:
        count, per_node = _number("WORLD_SIZE"), _number("LOCAL_WORLD_SIZE")
        nodes = max(1, count // per_node)
        found = Launched(
            "torchrun", count, nodes, _number("RANK"), _number("LOCAL_RANK"), _number("GROUP_RANK")
        )
    elif (count := _number("SLURM_STEP_NUM_TASKS", 1)) > 1:
        nodes = _number("SLURM_STEP_NUM_NODES", 1)
        found = Launched(
            "srun", count, nodes, _number("SLURM_PROCID"), _number("SLURM_LOCALID"), _number("SLURM_NODEID")
        )
    return found


def _number(name: str, default: int = 0) -> int:
    return int(os.environ.get(name) or default)
