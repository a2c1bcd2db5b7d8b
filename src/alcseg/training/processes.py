"""The processes of a training meet before any of them opens the run folder, and the first goes ahead."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from torch import distributed

from alcseg.errors import AlcsegError
from alcseg.processes import Launched, is_first, launched
from alcseg.training_methods._processes import on_its_own

__all__ = ["PATIENCE", "cluster_environment", "first_then_others", "together"]

PATIENCE = timedelta(days=1)
"""How long processes wait for another one that validates; one that ends closes its connections at once."""

T = TypeVar("T")


def cluster_environment() -> ClusterEnvironment:
    """What Lightning has to know of the processes; Lightning starts them where no launcher did."""
    found = launched()
    return LightningEnvironment() if found is None else _Started(found)


@contextmanager
def together(device: torch.device) -> Iterator[None]:
    """Connect the processes that torchrun or srun started, for the time of the block."""
    found = launched()
    if found is None:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(found.local_rank)
    place = _Started(found)
    distributed.init_process_group(
        init_method=f"tcp://{place.main_address}:{place.main_port}",
        rank=found.rank,
        world_size=found.count,
        timeout=PATIENCE,
    )
    yield
    if distributed.is_initialized():  # after an error the process ends, and with it all connections
        distributed.destroy_process_group()


def first_then_others(work: Callable[[], T]) -> T:
    """Let the first process work, then the others; where it fails, they end with its exit code.

    Processes that no launcher started work at once: Lightning starts the others when the first one is done.
    """
    if launched() is None:
        return work()
    with on_its_own():
        return _in_turn(work)


def _in_turn(work: Callable[[], T]) -> T:
    told: list[object] = [None]
    if not is_first():
        distributed.broadcast_object_list(told, src=0)
        if isinstance(told[0], int):
            raise _FirstFailedError(told[0])
        return work()
    try:
        result = work()
    except BaseException as error:
        told = [getattr(error, "exit_code", 1)]
        raise
    finally:
        distributed.broadcast_object_list(told, src=0)
    return result


class _FirstFailedError(AlcsegError):
    """The first process said why."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("the first process could not begin; it says why.")
        self.exit_code = exit_code


class _Started(ClusterEnvironment):
    """Processes that a launcher started."""

    creates_processes_externally = True

    def __init__(self, found: Launched) -> None:
        super().__init__()
        self.found = found

    @property
    def main_address(self) -> str:
        """Host of the first process."""
        known = os.environ.get("MASTER_ADDR")
        return known or SLURMEnvironment.resolve_root_node_address(
            os.environ.get("SLURM_STEP_NODELIST", "127.0.0.1")
        )

    @property
    def main_port(self) -> int:
        """Where it listens; of a job of SLURM, one that its number and the step decide."""
        job, step = (os.environ.get(name, "0") for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
        return int(os.environ.get("MASTER_PORT") or 15_000 + int(f"{job}{step}"[-4:]))

    @staticmethod
    def detect() -> bool:
        """Whether there are such processes."""
        return launched() is not None

    def world_size(self) -> int:
        """How many."""
        return self.found.count

    def global_rank(self) -> int:
        """Which."""
        return self.found.rank

    def local_rank(self) -> int:
        """Which on its machine."""
        return self.found.local_rank

    def node_rank(self) -> int:
        """Which machine."""
        return self.found.node

    def set_world_size(self, size: int) -> None:
        """Nothing to set: the launcher knows."""

    def set_global_rank(self, rank: int) -> None:
        """Nothing to set: the launcher knows."""
