"""Several perturbed predictions of one volume: fixed input noise and fixed dropout masks per pass.

One pass is one draw of a slightly different model on a slightly different scan. Overlapping windows have to
see the same draw, or their average would take the perturbation away again; hence the noise is drawn once for
the volume and the dropout masks once for the pass. Both depend on (seed, case, pass) alone.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from alcseg.inference.engines import Engine
from alcseg.inference.sliding_window import sliding_window_probabilities
from alcseg.inference.stream_seed import stream_seed
from alcseg.records.correction import Perturbation
from alcseg.types import Window

__all__ = ["perturbed_log_probabilities"]


def perturbed_log_probabilities(
    engine: Engine,
    image: Tensor,
    case_id: str,
    perturbation: Perturbation,
    *,
    patch: Sequence[int],
    window: Window = "gaussian",
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """Predict a volume several times, each time perturbed in another way.

    Args:
        engine: Maps `(B, C, X, Y, Z)` to logits.
        image: `(C, X, Y, Z)`, preprocessed, on the model grid.
        case_id: With the seed and the number of the pass it fixes noise and masks.
        perturbation: How many passes, their seed and their noise.
        patch: Window size in voxels.
        window: As in `sliding_window_probabilities`.
        device: As in `sliding_window_probabilities`.

    Returns:
        T log-probability maps, float32, `(K, X, Y, Z)`, on the CPU, one after the other.
    """
    seed, clip = perturbation.seed, perturbation.noise_clip
    for number in range(perturbation.passes):
        generator = torch.Generator().manual_seed(stream_seed(seed, case_id, number, "noise"))
        noise = torch.randn(image.shape, generator=generator).mul_(perturbation.noise_std).clamp_(-clip, clip)
        with engine.perturbed(seed, case_id, number, "dropout"):
            found = sliding_window_probabilities(
                engine, image.cpu() + noise, patch=patch, window=window, device=device
            )
        # A float32 softmax can underflow to 0; the logarithm must stay finite for 0 log 0 = 0.
        found.clamp_min_(torch.finfo(found.dtype).tiny).log_()
        yield found
        del found  # before the next pass needs its room
