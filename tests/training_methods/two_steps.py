"""Two steps of every method in one of several processes; started by `test_processes.py`.

    python two_steps.py FOLDER RANK WORLD

Each process reads its block of slots and averages gradients as DDP does. Networks have no dropout and nothing
that normalizes over the batch of one process.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn

from alcseg.data.sampling import Patches
from alcseg.training_methods import METHODS, Method
from conftest import tiny_batch, tiny_method  # the folder of this script is on the path


def block(patches: Patches, rank: int, world: int) -> Patches:
    share = len(patches) // world
    part = slice(rank * share, (rank + 1) * share)
    return Patches(patches.image[part], patches.label[part], patches.case_ids[part], patches.slots[part])


def two_steps(name: str, rank: int, world: int) -> tuple[dict[str, Any], Tensor, Tensor]:
    """Loss terms of the second step, and all weights before and after both."""
    method = tiny_method(name, classes=3, steps=4, dropout=0.0, norm=False)
    for module in method.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()

    def backward(loss: torch.Tensor) -> None:
        loss.backward()
        if world > 1:
            for parameter in method.parameters():
                if parameter.grad is not None:
                    distributed.all_reduce(parameter.grad)
                    parameter.grad /= world

    method.backward = backward
    before = weights(method)
    for step in range(2):
        batch = tiny_batch(name, np.random.default_rng([7, step]), classes=3)
        method.step({stream: block(patches, rank, world) for stream, patches in batch.items()})
    terms = {term: value.float() for term, value in method.last_terms.items()}
    return terms, before, weights(method)


def weights(method: Method) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in method.parameters()])


if __name__ == "__main__":
    folder, rank, world = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    if world > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder / 'meeting-point'}", rank=rank, world_size=world
        )
    torch.save({name: two_steps(name, rank, world) for name in METHODS}, folder / f"{rank}-of-{world}")
    if world > 1:
        distributed.destroy_process_group()
