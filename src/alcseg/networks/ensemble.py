"""Several networks that answer as one."""

import torch
from torch import Tensor, nn

__all__ = ["SoftmaxMean"]


class SoftmaxMean(nn.Module):
    """The mean of several networks' class probabilities.

    Args:
        networks: Each `(B, C, X, Y, Z)` to raw logits `(B, K, X, Y, Z)`.
    """

    def __init__(self, *networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, image: Tensor) -> Tensor:
        """Return the log of the mean, `(B, K, X, Y, Z)` float32; its softmax is the mean itself."""
        probs = [network(image).float().softmax(1) for network in self.networks]
        return torch.stack(probs).mean(0).clamp_min(1e-12).log()
