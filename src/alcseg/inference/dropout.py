"""Dropout that drops the same units in every window of a pass, and what else may stand in its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from alcseg.inference.stream_seed import stream_seed

__all__ = ["DropoutCall", "fixed_dropout", "instead_of_dropout"]

_CHANNEL_WISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_DROPOUT = (nn.Dropout, *_CHANNEL_WISE)


@dataclass(frozen=True)
class DropoutCall:
    """One use of a dropout layer within a forward pass; a layer may be used twice, as in V-Net.

    Attributes:
        layer: Its name in the network.
        number: Of the use, from 1.
        shape: Of its mask, `(1, C, ...)`: ones in space for layers that drop whole channels.
        keep: Probability that a unit is kept.
    """

    layer: str
    number: int
    shape: tuple[int, ...]
    keep: float

    def mask(self, *key: int | str) -> Tensor:
        """Factors of the units, 0 or 1 / keep, float32; drawn on the CPU from `key`, layer and number."""
        generator = torch.Generator().manual_seed(stream_seed(*key, self.layer, self.number))
        kept = torch.rand(self.shape, generator=generator) < self.keep
        return kept / max(self.keep, torch.finfo(torch.float32).tiny)


@contextmanager
def instead_of_dropout(network: nn.Module, apply: Callable[[DropoutCall, Tensor], Tensor]) -> Iterator[None]:
    """Let `apply(call, output)` say what each use of a dropout layer returns inside the block.

    Args:
        network: A module in eval mode; left as it was. Layers that never drop are left alone.
        apply: Maps a use of a layer and what it returned, `(B, C, ...)`, to what it shall return.
    """
    uses: dict[str, int] = {}

    def begin(module: nn.Module, arguments: Any) -> None:
        uses.clear()

    def drop(name: str, module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        number = uses[name] = uses.get(name, 0) + 1
        spatial = (1,) * (output.ndim - 2) if isinstance(module, _CHANNEL_WISE) else tuple(output.shape[2:])
        shape = tuple(int(size) for size in (1, output.shape[1], *spatial))
        keep = 1 - float(module.p)  # type: ignore[arg-type]
        return apply(DropoutCall(name, number, shape, keep), output)

    handles = [network.register_forward_pre_hook(begin)]
    handles += [
        module.register_forward_hook(partial(drop, name))
        for name, module in network.named_modules()
        if isinstance(module, _DROPOUT) and module.p > 0
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def fixed_dropout(network: nn.Module, *key: int | str) -> Iterator[None]:
    """Let dropout layers drop the same units in every forward pass inside the block.

    The network stays in eval mode, so BatchNorm uses its running statistics. Each call of a dropout layer
    within a forward pass has its own mask; every member of a batch gets the same one. Channel-wise layers
    drop whole channels, which does not depend on the window size; element-wise ones need windows of one size,
    which the sliding window has.

    Args:
        network: A module in eval mode; left as it was.
        key: What the masks depend on, e.g. seed, case and pass.
    """
    masks: dict[DropoutCall, Tensor] = {}

    def drop(call: DropoutCall, output: Tensor) -> Tensor:
        if call not in masks:
            masks[call] = call.mask(*key)
        return output * masks[call].to(device=output.device, dtype=output.dtype)

    with instead_of_dropout(network, drop):
        yield
