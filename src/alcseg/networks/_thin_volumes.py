"""A detour around wrong gradients of thin volumes in bfloat16 on CPUs.

oneDNN 3.12, which torch 2.13 is built with, reads memory that nothing was written to when it computes the
weight gradient of a 3x3x3 convolution in bfloat16 over two planes: the gradient is nan now and then, and
quietly wrong else. On AVX-512 every one of ten trials failed that put other numbers into that memory; depths
of one, three and more are right, as are strided, transposed and pointwise convolutions. A patch of 32 voxels
along the first axis has two planes at the bottleneck of a V-Net.
"""

import torch
from torch import Tensor, nn

__all__ = ["avoid_thin_volumes"]


class _Conv3d(nn.Conv3d):
    """Computes in float32 where the kernel is deeper than a volume of several planes, on a CPU."""

    def forward(self, image: Tensor) -> Tensor:
        if torch.compiler.is_exporting():  # in float32, and a graph would keep the branch it was traced with
            return super().forward(image)
        if image.device.type == "cpu" and 1 < image.shape[2] < self.kernel_size[0]:
            with torch.autocast("cpu", enabled=False):
                return super().forward(image.float())
        return super().forward(image)


def avoid_thin_volumes(network: nn.Module) -> nn.Module:
    """Make the convolutions of a network take the detour; names and values of its weights stay."""
    for module in network.modules():
        if type(module) is nn.Conv3d:
            module.__class__ = _Conv3d
    return network
