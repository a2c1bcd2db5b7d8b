"""MONAI's DynUNet with each weight listed once.

MONAI 1.6.1 keeps every block twice, by level and again in a chain of nested skips. So its `state_dict` names
every weight twice, which safetensors refuses to write and which would apply an average over it twice.
"""

from typing import Any

from monai.networks.nets.dynunet import DynUNet as _Twice
from torch import Tensor

__all__ = ["DynUNet"]


class DynUNet(_Twice):
    """The same network without the chain; takes what MONAI's takes, but no deep supervision."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, deep_supervision=False)
        del self.skip_layers

    def forward(self, image: Tensor) -> Tensor:
        """Return logits `(B, K, X, Y, Z)`; sides are multiples of the product of the strides."""
        skips = [self.input_block(image)]
        for down in self.downsamples:
            skips.append(down(skips[-1]))
        features = self.bottleneck(skips[-1])
        for up, skip in zip(self.upsamples, reversed(skips), strict=True):
            features = up(features, skip)
        logits: Tensor = self.output_block(features)
        return logits
