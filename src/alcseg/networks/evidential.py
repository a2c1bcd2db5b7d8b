"""A network whose output is evidence: a Dirichlet distribution over class probabilities at each voxel."""

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Evidential"]


class Evidential(nn.Module):
    """Reads the logits z of a network as evidence `e = softplus(z)` for Dirichlet parameters `alpha = e + 1`.

    It returns `log alpha`, since the softmax of that is `alpha / sum(alpha)`, the expected probability. So
    whatever takes the softmax of logits, or averages it over windows, handles the expected probability.

    Args:
        network: Image `(B, C, X, Y, Z)` to logits `(B, K, X, Y, Z)`.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return `log alpha`, at least 0, float32 also under autocast, `(B, K, X, Y, Z)`."""
        logits = self.network(image)
        with torch.autocast(logits.device.type, enabled=False):
            return functional.softplus(logits.float()).log1p()

    def uncertainty(self, output: Tensor) -> Tensor:
        """`K / sum_k alpha_k`, the mass that no class has evidence for, in (0, 1].

        Args:
            output: What `forward` returned.

        Returns:
            `(B, X, Y, Z)`.
        """
        return output.shape[1] / output.exp().sum(1)
