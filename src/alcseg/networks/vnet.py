"""V-Net as the 3D semi-supervised literature trains it.

Milletari et al., 3DV 2016, arXiv:1606.04797, in the shape that UA-MT (Yu et al., MICCAI 2019) made customary:
five levels, batch normalization, ReLU, additive skips, strided convolutions down and transposed ones up,
dropout on the bottleneck and before the last convolution. 9.45 million parameters with 16 base filters, one
input channel and two classes.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

__all__ = ["VNet"]


class VNet(nn.Module):
    """Five-level V-Net that returns raw logits.

    Args:
        in_channels: Channels of the image.
        num_classes: Classes, background counted.
        filters: Channels of the first level; each level down doubles them.
        dropout: Probability of dropping a whole channel on the bottleneck and before the last convolution.

    Shape:
        `(B, in_channels, X, Y, Z)` to `(B, num_classes, X, Y, Z)`; each side a multiple of `stride`.
    """

    stride = 16

    def __init__(
        self, in_channels: int, num_classes: int, *, filters: int = 16, dropout: float = 0.5
    ) -> None:
        super().__init__()
        channels = [filters * 2**level for level in range(5)]
        depths = [1, 2, 3, 3, 3]
        self.encoders = nn.ModuleList(
            _convolutions(depth, in_channels if level == 0 else width, width)
            for level, (depth, width) in enumerate(zip(depths, channels, strict=True))
        )
        self.downs = nn.ModuleList(
            _normalized(nn.Conv3d(a, b, kernel_size=2, stride=2), b) for a, b in pairwise(channels)
        )
        self.ups = nn.ModuleList(
            _normalized(nn.ConvTranspose3d(b, a, kernel_size=2, stride=2), a) for a, b in pairwise(channels)
        )
        self.decoders = nn.ModuleList(
            _convolutions(depth, width, width)
            for depth, width in zip(depths[:-1], channels[:-1], strict=True)
        )
        self.dropout = nn.Dropout3d(dropout)
        self.head = nn.Conv3d(filters, num_classes, kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits `(B, num_classes, X, Y, Z)`."""
        skips = []
        features = self.encoders[0](image)
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            skips.append(features)
            features = encoder(down(features))
        features = self.dropout(features)
        for level in reversed(range(4)):
            features = self.decoders[level](self.ups[level](features) + skips[level])
        logits: Tensor = self.head(self.dropout(features))
        return logits


def _normalized(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(channels), nn.ReLU(inplace=True))


def _convolutions(depth: int, in_channels: int, out_channels: int) -> nn.Sequential:
    """A level's chain of 3x3x3 convolutions, each followed by normalization and ReLU."""
    return nn.Sequential(
        *(
            _normalized(
                nn.Conv3d(in_channels if i == 0 else out_channels, out_channels, kernel_size=3, padding=1),
                out_channels,
            )
            for i in range(depth)
        )
    )


def count_parameters(module: nn.Module) -> int:
    """Number of trained values in `module`."""
    return sum(torch.numel(parameter) for parameter in module.parameters() if parameter.requires_grad)
