"""Several perturbed predictions of one volume: fixed input noise and fixed dropout masks per pass.

One pass is one draw of a slightly different model on a slightly different scan. Overlapping windows have to
see the same draw, or their average would take the perturbation away again; hence the noise is drawn once for
the volume and the dropout masks once for the pass. Both depend on (seed, case, pass) alone.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from alcseg.inference.sliding_window import sliding_window_probabilities
from alcseg.records.correction import Perturbation
from alcseg.types import Window

__all__ = ["fixed_dropout", "perturbed_log_probabilities", "stream_seed"]

_CHANNEL_WISE = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
_DROPOUT = (nn.Dropout, *_CHANNEL_WISE)


def stream_seed(*key: int | str) -> int:
    """A seed below 2^63 that depends on every part of `key` and on nothing else."""
    digest = hashlib.sha256("\x00".join(str(part) for part in key).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@contextmanager
def fixed_dropout(network: nn.Module, *key: int | str) -> Iterator[None]:
    """Let dropout layers drop the same units in every forward pass inside the block.

    The network stays in eval mode, so BatchNorm uses its running statistics. Each call of a dropout layer
    within a forward pass has its own mask (a layer may be used twice, as in V-Net), drawn on the CPU from
    `key`, the layer's name and the number of the call; every member of a batch gets the same one.
    Channel-wise layers drop whole channels, which does not depend on the window size; element-wise ones need
    windows of one size, which the sliding window has.

    Args:
        network: A module in eval mode; left as it was.
        key: What the masks depend on, e.g. seed, case and pass.
    """
    masks: dict[tuple[str, int, tuple[int, ...]], Tensor] = {}
    calls: dict[str, int] = {}

    def begin(module: nn.Module, arguments: Any) -> None:
        calls.clear()

    def drop(name: str, module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        number = calls[name] = calls.get(name, 0) + 1
        spatial = (1,) * (output.ndim - 2) if isinstance(module, _CHANNEL_WISE) else tuple(output.shape[2:])
        shape = (1, output.shape[1], *spatial)
        if (name, number, shape) not in masks:
            generator = torch.Generator().manual_seed(stream_seed(*key, name, number))
            keep = 1 - float(module.p)  # type: ignore[arg-type]
            kept = torch.rand(shape, generator=generator) < keep
            masks[name, number, shape] = kept / max(keep, torch.finfo(torch.float32).tiny)
        return output * masks[name, number, shape].to(device=output.device, dtype=output.dtype)

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


def perturbed_log_probabilities(
    network: nn.Module,
    image: Tensor,
    case_id: str,
    perturbation: Perturbation,
    *,
    patch: Sequence[int],
    window: Window = "gaussian",
    device: torch.device | str = "cpu",
) -> list[Tensor]:
    """Predict a volume several times, each time perturbed in another way.

    Args:
        network: Maps `(B, C, X, Y, Z)` to logits; in eval mode.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        case_id: With the seed and the number of the pass it fixes noise and masks.
        perturbation: How many passes, their seed and their noise.
        patch: Window size in voxels.
        window: As in `sliding_window_probabilities`.
        device: As in `sliding_window_probabilities`.

    Returns:
        T log-probability maps, float32, `(K, X, Y, Z)`, on the CPU.
    """
    seed, clip = perturbation.seed, perturbation.noise_clip
    answers = []
    for number in range(perturbation.passes):
        generator = torch.Generator().manual_seed(stream_seed(seed, case_id, number, "noise"))
        noise = torch.randn(image.shape, generator=generator).mul_(perturbation.noise_std).clamp_(-clip, clip)
        with fixed_dropout(network, seed, case_id, number, "dropout"):
            probs = sliding_window_probabilities(
                network, image.cpu() + noise, patch=patch, window=window, device=device
            )
        # A float32 softmax can underflow to 0; the logarithm must stay finite for 0 log 0 = 0.
        answers.append(probs.clamp_min_(torch.finfo(probs.dtype).tiny).log_())
    return answers
