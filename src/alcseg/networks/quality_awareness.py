"""A small classifier that looks at an image with a label and says in one number how it likes the pair.

The trunk of VGG-16 (Simonyan and Zisserman, ICLR 2015, arXiv:1409.1556) in 3D and an eighth to a quarter as
wide; 2.8 million weights for one image and one label channel.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["QualityAwareness"]


class QualityAwareness(nn.Module):
    """Scores of patches, 0 at initialization.

    Args:
        in_channels: Channels of image and label together.
        width: Channels of the first of five levels; the next ones have 2, 4, 8 and 8 times as many.

    Shape:
        `(B, in_channels, X, Y, Z)` to `(B,)`. The input is averaged over 2x2x2 voxels; each level then halves
        every side that stays at least 2, so any patch passes.
    """

    def __init__(self, in_channels: int, *, width: int = 16) -> None:
        super().__init__()
        widths = [in_channels, *(width * factor for factor in (1, 2, 4, 8, 8))]
        self.levels = nn.ModuleList(
            _level(depth, *channels)
            for depth, channels in zip((2, 2, 3, 3, 3), pairwise(widths), strict=True)
        )
        self.head = nn.Conv3d(widths[-1], 1, kernel_size=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]  # there is one

    def forward(self, pair: Tensor) -> Tensor:
        """Return one unbounded score per patch, `(B,)`."""
        features = functional.avg_pool3d(pair, _halving(pair))
        for level in self.levels:
            features = level(features)
            features = functional.max_pool3d(features, _halving(features))
        score: Tensor = self.head(features).mean((1, 2, 3, 4))
        return score


def _halving(features: Tensor) -> list[int]:
    """Window that halves each side long enough."""
    return [2 if side >= 4 else 1 for side in features.shape[2:]]


def _level(depth: int, in_channels: int, out_channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in range(depth):
        convolution = nn.Conv3d(
            in_channels if i == 0 else out_channels, out_channels, 3, padding=1, bias=False
        )
        nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        layers += [convolution, nn.BatchNorm3d(out_channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
