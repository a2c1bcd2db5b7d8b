"""A network as a graph of `torch.export`, which runs without the code that built it."""

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from alcseg.records.export import Sizes

__all__ = ["ANY_SIZE", "trace"]

ANY_SIZE = ("segresnet", "unet", "vnet")
"""Networks whose graph serves windows of every size.

The transformers reckon with one size. That of the DynUNet is no different by its mathematics, but torch 2.13
is not done with it after many minutes."""

_BESIDE_STRIDES = (37, 48, 52)
"""Of an example that has to be padded and whose sides differ, so that no size in the graph stands for two."""


def trace(network: nn.Module, channels: int, patch: tuple[int, int, int], sizes: Sizes) -> ExportedProgram:
    """The graph of a network, for any number of windows.

    Args:
        network: In eval mode on the CPU, `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`.
        channels: C.
        patch: X, Y, Z of windows.
        sizes: `patch` fixes X, Y, Z; `any` leaves them open.
    """
    example = torch.zeros(2, channels, *(_BESIDE_STRIDES if sizes == "any" else patch))
    axes = (0, 2, 3, 4) if sizes == "any" else (0,)
    with torch.no_grad():
        return torch.export.export(network, (example,), dynamic_shapes=(dict.fromkeys(axes, Dim.AUTO),))
