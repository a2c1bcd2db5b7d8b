"""Whether a device computes faster in bfloat16, decided by a measured kernel.

Instructions for bfloat16 do not say that it is faster. With AVX512-bf16 alone an Intel Xeon took 1.6 times as
long for a convolution in bfloat16 as in float32, an AMD EPYC less than in float32 (torch 2.13).
"""

import functools
import time

import torch
from torch import Tensor, nn

__all__ = ["bf16_speedup", "prefers_bf16"]

_WORTH = 1.2  # speedups below this are not worth the digits, and may be chance
_CHANNELS, _SIDE, _BATCH = 16, 16, 2
_ROUNDS = 5


def prefers_bf16(device: torch.device) -> bool:
    """Whether a device is enough faster in bfloat16 to compute in it."""
    return bf16_speedup(device) >= _WORTH


@functools.cache
def bf16_speedup(device: torch.device) -> float:
    """How many times as fast a small convolution and its gradients are in bfloat16 as in float32.

    On a processor it is the CPU time of one thread, which other load hardly moves; it takes some 50 ms, the
    first time alone. A GPU is asked whether it computes in bfloat16 by itself: infinity if so, else 0.
    """
    if device.type == "cuda":
        return float("inf") if torch.cuda.is_bf16_supported(including_emulation=False) else 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = [(_step_time(half=False), _step_time(half=True)) for _ in range(_ROUNDS + 1)]
    finally:
        torch.set_num_threads(threads)
    single, half = (min(column) for column in zip(*times[1:], strict=True))  # the first also pays for set-up
    speedup: float = round(single / half, 2)
    return speedup


def _step_time(*, half: bool) -> float:
    """CPU seconds of a convolution forward and back; no random number is drawn."""
    weight = torch.full((_CHANNELS, _CHANNELS, 3, 3, 3), 0.01)
    image = torch.full((_BATCH, _CHANNELS, _SIDE, _SIDE, _SIDE), 0.5)
    weight, image = (_leaf(tensor) for tensor in (weight, image))
    started = time.thread_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        features = nn.functional.conv3d(image, weight, padding=1)
    torch.autograd.backward(features, torch.ones_like(features))
    return time.thread_time() - started


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.to(memory_format=torch.channels_last_3d).requires_grad_()
