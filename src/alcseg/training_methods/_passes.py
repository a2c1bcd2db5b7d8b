"""What a teacher says of slightly different images."""

from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.training_methods.base import Method, batch_statistics

__all__ = ["perturbed_passes"]


def perturbed_passes(
    method: Method, network: nn.Module, patches: Patches, count: int, *, std: float, clip: float
) -> list[Tensor]:
    """Log-probabilities of passes under clipped Gaussian input noise, each `(B, K, X, Y, Z)` float32.

    Each pass is one BatchNorm population, dropout is active, and there is no gradient.

    Args:
        method: Whose seed and step fix the noise, and whose processes share the passes.
        network: Image to logits.
        patches: What it is asked about.
        count: T.
        std: Standard deviation of the noise.
        clip: It is cut off at plus and minus this.
    """
    passes = []
    with batch_statistics(network) as teacher:
        for t in range(count):
            noise = method.input_noise(patches, f"pass-{t}", std=std, clip=clip)
            logits = method.logits_of(teacher, patches, image=patches.image + noise)
            passes.append(logits.float().log_softmax(1))
    return passes
