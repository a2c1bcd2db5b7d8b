"""What a network's last convolution reads, beside its logits."""

from typing import Any

from torch import Tensor, nn

__all__ = ["WithFeatures"]

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


class WithFeatures(nn.Module):
    """Image to logits `(B, K, X, Y, Z)` and features `(B, C, X, Y, Z)` of the same voxels.

    Features are the input of the convolution that was called last, which is the head of every network here,
    as it was before a dropout layer right in front of it. C is the network's own: 16 for the V-Net of 16
    filters; the U-Net's head reads only K channels. Hooks last for one call, so the network stays as it is;
    an object may be made for each call.

    Args:
        network: Image `(B, C, X, Y, Z)` to logits; it has a 3D convolution.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and features; where the network pads its input, both are cropped back."""
        read: list[Tensor] = []
        dropped: list[tuple[Tensor, Tensor]] = []

        def keep_input(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            read[:] = [arguments[0]]

        def keep_both(module: nn.Module, arguments: tuple[Any, ...], output: Tensor) -> None:
            dropped[:] = [(arguments[0], output)]

        handles = [
            *(m.register_forward_pre_hook(keep_input) for m in self.modules() if isinstance(m, nn.Conv3d)),
            *(m.register_forward_hook(keep_both) for m in self.modules() if isinstance(m, _DROPOUT)),
        ]
        try:
            logits: Tensor = self.network(image)
        finally:
            for handle in handles:
                handle.remove()
        (features,) = read
        if dropped and dropped[0][1] is features:
            features = dropped[0][0]
        x, y, z = logits.shape[2:]
        return logits, features[:, :, :x, :y, :z]
