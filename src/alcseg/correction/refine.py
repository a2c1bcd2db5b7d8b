"""Adaptive fusion of perturbed predictions into refined labels, the core of ALC.

Qian et al., BIBM 2025, arXiv:2503.12218, equations 4 to 7. T predictions of the same voxels are averaged,
each is weighed by how little it diverges from that average, and the fused distribution gives the refined
label; the mean divergence is the uncertainty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from alcseg.types import Uncertainty, Weighting

__all__ = ["Refined", "Uncertainty", "Weighting", "divergences", "most_probable", "refine"]

_INVERSE_OFFSET = (
    1e-6  # e of g(D) = 1 / (D + e): passes that agree with the mean share the weight instead of dividing by 0
)


@dataclass(frozen=True, eq=False)
class Refined:
    """What T passes say together about each voxel.

    Attributes:
        mean: Plain average of the passes, `(B, C, X, Y, Z)`.
        fused: Weighted average q, same shape; sums to one over classes.
        label: `argmax` of `fused`, `(B, X, Y, Z)`.
        uncertainty: Voxel map u, `(B, X, Y, Z)`, at least 0; nats.
    """

    mean: Tensor
    fused: Tensor
    label: Tensor
    uncertainty: Tensor


def refine(
    passes: Sequence[Tensor],
    *,
    weighting: Weighting = "inverse",
    temperature: float = 1.0,
    uncertainty: Uncertainty = "kl",
    mean_divergence: Tensor | None = None,
    mask: Tensor | None = None,
) -> Refined:
    """Fuse T predictions voxel by voxel.

    Args:
        passes: Log-probabilities of each pass, float32, each `(B, C, X, Y, Z)`.
        weighting: How the divergence D of a pass becomes its weight g(D): `inverse` 1/(D + 1e-6),
            `exponential` exp(-D/tau) with tau = `temperature` times the mean D of the call, `uniform` 1.
        temperature: Scale of tau; only `exponential` uses it.
        uncertainty: `kl`: mean divergence of the passes from their mean; `entropy`: entropy of the fused
            distribution.
        mean_divergence: Mean D of the whole where `passes` hold a part of it; only `exponential` uses it.
        mask: Voxels that count in the mean D of the call, bool, `(B, X, Y, Z)`; all where None.

    Returns:
        The fused prediction, refined label and uncertainty.
    """
    probs, mean, divergence = divergences(passes)
    if weighting == "exponential":
        own = divergence if mask is None else divergence[:, mask]
        whole = own.mean() if mean_divergence is None else mean_divergence
        tau = temperature * whole.clamp_min(_INVERSE_OFFSET)
        weight = (-divergence / tau).softmax(0)  # where all passes diverge, each exp would be 0
    else:
        raw = 1 / (divergence + _INVERSE_OFFSET) if weighting == "inverse" else torch.ones_like(divergence)
        weight = raw / raw.sum(0)
    fused = (weight.unsqueeze(2) * probs).sum(0)
    entropy = -torch.special.xlogy(fused, fused).sum(1)
    voxel_map = entropy if uncertainty == "entropy" else divergence.mean(0)
    return Refined(mean=mean, fused=fused, label=most_probable(fused), uncertainty=voxel_map)


def divergences(passes: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities p_t `(T, B, C, X, Y, Z)`, their mean `(B, C, X, Y, Z)`, and D `(T, B, X, Y, Z)` in nats.

    Args:
        passes: As of `refine`.
    """
    log_probs = torch.stack(list(passes))
    probs = log_probs.exp()
    mean = probs.mean(0)
    log_mean = mean.clamp_min(torch.finfo(mean.dtype).tiny).log()
    # 0 log 0 = 0 holds since exp(-inf) * finite is not met: log_softmax in float32 stays finite. Without the
    # clamp, rounding makes D negative where all passes agree, and weights with it.
    return probs, mean, (probs * (log_probs - log_mean)).sum(2).clamp_min(0)


def most_probable(probs: Tensor) -> Tensor:
    """Index of the largest class, `(B, X, Y, Z)` int64, of `(B, C, X, Y, Z)`.

    What `argmax(1)` says; on a CPU that takes five times as long (torch 2.13).
    """
    return probs.max(1).indices
