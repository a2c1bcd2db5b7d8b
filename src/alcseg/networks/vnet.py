"""V-Net as the 3D semi-supervised literature trains it.

Milletari et al., 3DV 2016, arXiv:1606.04797, in the shape that UA-MT (Yu et al., MICCAI 2019) made customary:
five levels, batch normalization, ReLU, additive skips, strided convolutions down and transposed ones up,
dropout on the bottleneck and before the last convolution. 9.45 million parameters with 16 base filters, one
input channel and two classes.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from alcseg.networks._flat import Sides, kernel_sides, total_strides

__all__ = ["SplitAt", "VNet"]

SplitAt = Literal["bottleneck", "first_up", "head"]
"""Where a network parts into trunk and branch: before the decoder, after its first up-sampling, or before the
last convolutions at full resolution."""


class VNet(nn.Module):
    """Five-level V-Net that returns raw logits.

    Args:
        in_channels: Channels of the image.
        num_classes: Classes, background counted.
        filters: Channels of the first level; each level down doubles them.
        dropout: Probability of dropping a whole channel on the bottleneck and before the last convolution.
        flat_levels: For each axis, in how many of the first levels kernels are of one voxel along it and it
            is not halved; the published network has none.

    Shape:
        `(B, in_channels, X, Y, Z)` to `(B, num_classes, X, Y, Z)`; each side a multiple of `strides`.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        filters: int = 16,
        dropout: float = 0.5,
        flat_levels: Sides = (0, 0, 0),
    ) -> None:
        super().__init__()
        channels = [filters * 2**level for level in range(5)]
        depths = [1, 2, 3, 3, 3]
        kernels = kernel_sides(3, 5, flat_levels)
        steps = kernel_sides(2, 4, flat_levels)
        self.strides = total_strides(steps)
        self.encoders = nn.ModuleList(
            _convolutions(depth, in_channels if level == 0 else width, width, kernel)
            for level, (depth, width, kernel) in enumerate(zip(depths, channels, kernels, strict=True))
        )
        self.downs = nn.ModuleList(
            _normalized(nn.Conv3d(a, b, kernel_size=step, stride=step), b)
            for (a, b), step in zip(pairwise(channels), steps, strict=True)
        )
        self.ups = nn.ModuleList(
            _UpSampling(nn.ConvTranspose3d(b, a, kernel_size=step, stride=step), *_norm(a))
            for (a, b), step in zip(pairwise(channels), steps, strict=True)
        )
        self.decoders = nn.ModuleList(
            _convolutions(depth, width, width, kernel)
            for depth, width, kernel in zip(depths[:-1], channels[:-1], kernels[:-1], strict=True)
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
        features = _encode(image, self.encoders, self.downs, self.dropout)
        (last,) = _decode(features, self._decoder_steps())
        logits: Tensor = self.head(self.dropout(last))
        return logits

    def split(self, at: SplitAt) -> tuple[nn.Module, nn.Module]:
        """Trunk and branch that share their weights with this network.

        Args:
            at: The last part of the trunk is the `bottleneck` with its dropout, the `first_up`-sampling after
                it, or all but the `head`: the last level's convolutions and the output.

        Returns:
            Trunk, image to features; branch, these features to logits. One after the other they are the
            network.
        """
        count = {"bottleneck": 0, "first_up": 1, "head": -1}[at]
        steps = self._decoder_steps()
        return _Trunk(self, steps[:count]), _Branch(self, steps[count:])

    def _decoder_steps(self) -> list[nn.Module]:
        """Up-samplings and convolutions in turn, deepest first."""
        return [part[level] for level in reversed(range(4)) for part in (self.ups, self.decoders)]


class _Trunk(nn.Module):
    """What comes before a split."""

    def __init__(self, network: VNet, steps: Iterable[nn.Module]) -> None:
        super().__init__()
        self.encoders = network.encoders
        self.downs = network.downs
        self.dropout = network.dropout
        self.steps = nn.ModuleList(steps)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the skips that are left, full resolution first, and the features to go on from."""
        return tuple(_decode(_encode(image, self.encoders, self.downs, self.dropout), self.steps))


class _Branch(nn.Module):
    """What comes after a split."""

    def __init__(self, network: VNet, steps: Iterable[nn.Module]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(steps)
        self.dropout = network.dropout
        self.head = network.head

    def forward(self, *features: Tensor) -> Tensor:
        """Return logits from what the trunk returns."""
        (last,) = _decode(features, self.steps)
        logits: Tensor = self.head(self.dropout(last))
        return logits


class _UpSampling(nn.Sequential):
    """Doubles the resolution; the skip of the level it reaches is added to what it returns."""


def _encode(
    image: Tensor, encoders: Iterable[nn.Module], downs: Iterable[nn.Module], dropout: nn.Module
) -> list[Tensor]:
    """Features of all levels, full resolution first."""
    first, *deeper = encoders
    features: list[Tensor] = [first(image)]
    for down, encoder in zip(downs, deeper, strict=True):
        features.append(encoder(down(features[-1])))
    features[-1] = dropout(features[-1])
    return features


def _decode(features: Sequence[Tensor], steps: Iterable[nn.Module]) -> list[Tensor]:
    """The skips that are left and the features after some steps of the decoder."""
    *skips, last = features
    for step in steps:
        last = step(last)
        if isinstance(step, _UpSampling):
            last = last + skips.pop()
    return [*skips, last]


def _norm(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm3d(channels), nn.ReLU(inplace=True)


def _normalized(convolution: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(convolution, *_norm(channels))


def _convolutions(depth: int, in_channels: int, out_channels: int, kernel: Sides) -> nn.Sequential:
    """A level's chain of convolutions, each followed by normalization and ReLU."""
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Sequential(
        *(
            _normalized(
                nn.Conv3d(in_channels if i == 0 else out_channels, out_channels, kernel, padding=padding),
                out_channels,
            )
            for i in range(depth)
        )
    )
