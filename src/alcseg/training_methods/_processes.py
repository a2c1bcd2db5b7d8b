"""One batch over several processes, written as if there were one.

Under DDP each process reads and propagates its share of the patches, but every process sees the whole
batch and forms the whole loss. So what is per batch in a method (pooled Dice, a selection of patches, a
softmax over samples, class-wise thresholds) is per global batch without a word about processes in the method.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, distributed, nn

from alcseg.data.sampling import Patches

__all__ = ["gather_patches", "on_its_own", "spread"]

_on_its_own: ContextVar[bool] = ContextVar("on_its_own", default=False)


@contextmanager
def on_its_own() -> Iterator[None]:
    """Inside the block this process computes whole batches by itself, to try or to measure a step."""
    token = _on_its_own.set(True)
    try:
        yield
    finally:
        _on_its_own.reset(token)


def spread(network: nn.Module, *inputs: Tensor) -> Any:
    """Outputs of `network` for a whole batch; each process computes those of its share.

    Args:
        network: Takes the inputs, returns a tensor or a tuple of tensors, samples first.
        inputs: The same on every process, samples first.

    Returns:
        What `network(*inputs)` returns, in order, on every process. Its gradient is right after DDP has
        averaged gradients over the processes, if all of them form the same loss.
    """
    if not _several():
        return network(*inputs)
    rank, world = distributed.get_rank(), distributed.get_world_size()
    shares = [tensor[rank::world] for tensor in inputs]
    idle = not any(map(len, shares))
    if idle:  # networks refuse an empty batch: pass a sample that does not count
        shares = [tensor[:1] for tensor in inputs]
    outputs = network(*shares)
    if isinstance(outputs, Tensor):
        return _gather(outputs[:0] if idle else outputs)
    return tuple(_gather(output[:0] if idle else output) for output in outputs)


def gather_patches(patches: Patches) -> Patches:
    """The patches of all processes, ordered by slot."""
    if not _several():
        return patches
    slots = _all(patches.slots.to(patches.image.device))
    names: list[list[str]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(names, patches.case_ids)
    order = torch.cat(slots).argsort()
    flat = [name for part in names for name in part]
    return Patches(
        torch.cat(_all(patches.image))[order],
        torch.cat(_all(patches.label))[order],
        [flat[index] for index in order.tolist()],
        torch.cat(slots)[order].to(patches.slots.device),
        *(
            None if part is None else torch.cat(_all(part.to(patches.image.device)))[order]
            for part in (patches.distance, patches.known, patches.undrawn)
        ),
    )


def _gather(own: Tensor) -> Tensor:
    whole: Tensor = _Gather.apply(own)  # type: ignore[no-untyped-call]
    return whole


class _Gather(torch.autograd.Function):
    """Samples of all processes; process r of w holds samples r, r + w, r + 2w, ..."""

    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        rank, world = distributed.get_rank(), distributed.get_world_size()
        counts = torch.cat(_all(torch.tensor([len(own)], device=own.device))).tolist()
        padded = own.new_zeros(max(counts), *own.shape[1:])
        padded[: len(own)] = own
        whole = own.new_empty(sum(counts), *own.shape[1:])
        for other, (count, part) in enumerate(zip(counts, _all(padded), strict=True)):
            whole[other::world] = part[:count]
        ctx.share = slice(rank, None, world)
        ctx.world = world
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        # Every process holds the same gradient of the whole loss; DDP divides by the number of processes.
        own: Tensor = gradients[0][ctx.share] * ctx.world
        return own


def _several() -> bool:
    connected = distributed.is_available() and distributed.is_initialized()
    return connected and distributed.get_world_size() > 1 and not _on_its_own.get()


def _all(tensor: Tensor) -> list[Tensor]:
    """This tensor of every process, all of one shape."""
    parts = [
        torch.empty_like(tensor, memory_format=torch.contiguous_format)
        for _ in range(distributed.get_world_size())
    ]
    distributed.all_gather(parts, tensor.contiguous())
    return parts
