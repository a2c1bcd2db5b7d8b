"""TBraTS: evidence for each class instead of a softmax, all labels at face value.

Zou, Yuan, Shen, Wang and Fu, TBraTS: Trusted Brain Tumor Segmentation, MICCAI 2022, arXiv:2206.09309. The
logits z of one network become evidence of a Dirichlet distribution at each voxel,

    e = softplus(z),  alpha = e + 1,  S = sum_k alpha_k,  p = alpha / S,  u = K / S,

where p, the expected probability, is the segmentation and u its uncertainty. With the label y and psi the
digamma function, the loss is

    psi(S) - psi(alpha_y)  +  lambda(t) KL(Dir(Y + (1 - Y) alpha) || Dir(1))  +  Dice(p, Y).

The first term asks for evidence of y, the second takes evidence from the other classes away; its weight
lambda rises linearly. Sliding windows average p and u, neither logits nor evidence.

Differences from the paper: the weight of the KL term rises to 1 over the first quarter of the steps and that
of Dice is 1, as in the code (epoch 50 of 199); the paper's factors could not be confirmed. Dice is of p and
over all classes; the code puts alpha itself into a Dice over foreground classes, which rewards evidence
without bound (`dice_on=alpha`). Network, optimizer and batch are those of the other methods here. Nothing
filters labels: what robustness there is comes from the softer likelihood. `quality_aware` is an addition, off
by default.

Public code consulted to settle doubts: Cocofeat/TBraTS, Cocofeat/UMIS.

Cite: Zou et al., TBraTS: Trusted Brain Tumor Segmentation, MICCAI 2022, arXiv:2206.09309; its base loss is of
Sensoy et al., Evidential Deep Learning to Quantify Classification Uncertainty, NeurIPS 2018.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from alcseg.losses.evidential import evidence_dice, expected_cross_entropy, wrong_evidence
from alcseg.losses.partial import joined, masked_mean, merge_undrawn
from alcseg.losses.segmentation import dice_loss
from alcseg.networks.evidential import Evidential
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import NotNegative, Share

__all__ = ["TBraTS"]


class TBraTSSettings(MethodSettings):
    """What can be set of TBraTS."""

    kl_max: NotNegative = 1.0
    """Largest weight of the term that takes evidence from wrong classes; a smaller one is the first thing to
    try under heavy label noise.
    """
    anneal_fraction: Share = 0.25
    """Share of the run over which that weight rises."""
    dice_weight: NotNegative = 1.0
    """Weight of the Dice term."""
    dice_on: Literal["probs", "alpha"] = "probs"
    """Dice of the expected probabilities (`probs`), or of `alpha` as in the public code."""
    quality_aware: bool = False
    """Leave the KL term out on LQ patches, where the given label may be the wrong class."""


class TBraTS(Method[TBraTSSettings]):
    """Evidential segmentation of all labels as they came."""

    card = Card("Zou et al., MICCAI 2022", "one", "that one")
    streams: tuple[str, ...] = ("union",)
    terms = ("ice", "kl", "dice")
    incomplete_labels = True
    readings = ("uncertainty",)

    def build_networks(self) -> None:
        """One trained network whose logits are read as evidence."""
        self.network = Evidential(self.task.build_network())

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`ice`, expected cross-entropy; `kl`, evidence of wrong classes; `dice`. All in float32."""
        patches = list(batch.values())
        label = torch.cat([part.label for part in patches])
        known = joined([part.known for part in patches])
        log_alpha = self.spread(self.network, torch.cat([part.image for part in patches]))
        self.note(uncertainty=masked_mean(self.network.uncertainty(log_alpha.detach()), known))
        with torch.autocast(log_alpha.device.type, enabled=False):
            # Merged classes of a Dirichlet are one again, whose alpha is the sum of theirs.
            undrawn = joined([part.undrawn for part in patches])
            log_alpha = merge_undrawn(log_alpha, undrawn)
            evidence = log_alpha.expm1()
            wrong = _without_prior(evidence, undrawn)
            trusted = len(batch["hq"]) if self.settings.quality_aware else len(label)
            on_trusted = None if known is None else known[:trusted]
            return {
                "ice": expected_cross_entropy(evidence, label, mask=known),
                "kl": wrong_evidence(wrong[:trusted], label[:trusted], mask=on_trusted),
                "dice": dice_loss(log_alpha.softmax(1), label, mask=known)
                if self.settings.dice_on == "probs"
                else evidence_dice(wrong, label, mask=known),
            }

    def term_weights(self) -> dict[str, float]:
        """The KL term's weight rises linearly."""
        share = self.progress(self.settings.anneal_fraction)
        return {"kl": share * self.settings.kl_max, "dice": self.settings.dice_weight}

    def export_networks(self) -> dict[str, nn.Module]:
        """The only network; it returns `log alpha`, whose softmax is the expected probability."""
        return {"model": self.network}

    def build_exported(self, name: str) -> nn.Module:
        """It has no others beside it."""
        return Evidential(self.task.build_network())


def _without_prior(evidence: Tensor, undrawn: Tensor | None) -> Tensor:
    """Evidence `(B, K, X, Y, Z)` of merged classes: background has the sum of theirs, the others 0.

    Merging left background what it is by their alphas, which count 1 more for each class, and the others -1.
    """
    if undrawn is None:
        return evidence
    prior = undrawn[:, 1:].sum(1).to(evidence)[:, None, None, None, None]
    background = (evidence[:, :1] - prior).clamp_min(0)
    return torch.cat([background, evidence[:, 1:].clamp_min(0)], 1)
