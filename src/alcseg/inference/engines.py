"""What computes the forward passes of a trained network: torch as it was trained, or something faster.

All give the same logits up to rounding. `torch` is the network as it is. `folded` is torch, too, with every
batch normalization written into the weights of the convolution before it. `openvino` is the compiler of that
name on a CPU (`openvino_engine.py`). `pick_engine.py` says what `auto` and `fastest` take, and why no
training should follow OpenVINO; times are in `results/prediction_speed.md`.
"""

import copy
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alcseg.inference.dropout import fixed_dropout
from alcseg.inference.pick_engine import pick_engine
from alcseg.types import EngineName

__all__ = ["Engine", "TorchEngine", "fold", "make_engine"]


class Engine(Protocol):
    """Computes logits of windows."""

    def __call__(self, windows: Tensor) -> Tensor:
        """Windows `(B, C, X, Y, Z)`, all of one size, to logits `(B, K, X, Y, Z)`."""
        ...

    def perturbed(self, *key: int | str) -> AbstractContextManager[None]:
        """Let dropout drop the units that `key` draws, inside the block; see `dropout.fixed_dropout`."""
        ...


class TorchEngine:
    """The network in torch.

    Args:
        network: In eval mode.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def __call__(self, windows: Tensor) -> Tensor:
        """See `Engine`."""
        logits: Tensor = self.network(windows)
        return logits

    def perturbed(self, *key: int | str) -> AbstractContextManager[None]:
        """See `Engine`."""
        return fixed_dropout(self.network, *key)


def make_engine(name: EngineName, network: nn.Module, device: torch.device) -> Engine:
    """The engine of that name. Where `fastest` takes one that cannot run the network, torch answers.

    Args:
        name: Of the engine; see `pick_engine` for what is refused.
        network: In eval mode, on `device`.
        device: Where the windows are.
    """
    if hasattr(network, "computed_by"):  # which is no torch
        return TorchEngine(network)
    chosen = pick_engine(name, device)
    if chosen == "openvino":
        from alcseg.inference.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(network, otherwise=TorchEngine(network) if name == "fastest" else None)
    return TorchEngine(fold(network) if chosen == "folded" else network)


def fold(network: nn.Module) -> nn.Module:
    """The network with batch normalizations folded into the convolutions before them.

    Args:
        network: In eval mode; left as it was. Where it holds no such pair in an `nn.Sequential`, it is
            returned itself.
    """
    pairs = [
        (name, place)
        for name, part in network.named_modules()
        if isinstance(part, nn.Sequential)
        for place in range(len(part) - 1)
        if isinstance(part[place], nn.Conv3d | nn.ConvTranspose3d)
        and isinstance(part[place + 1], nn.BatchNorm3d)
    ]
    if not pairs:
        return network
    folded = copy.deepcopy(network)
    for name, place in pairs:
        part = folded.get_submodule(name)
        assert isinstance(part, nn.Sequential)
        convolution, norm = part[place], part[place + 1]
        assert isinstance(convolution, nn.Conv3d | nn.ConvTranspose3d)
        assert isinstance(norm, nn.BatchNorm3d)
        transposed = isinstance(convolution, nn.ConvTranspose3d)
        part[place] = fuse_conv_bn_eval(convolution, norm, transpose=transposed)
        part[place + 1] = nn.Identity()
    return folded.to(memory_format=torch.channels_last_3d)  # type: ignore[no-any-return,call-overload]
