"""H-Sup and HL-Sup: the supervised reference points.

H-Sup trains one network on the high-quality patches alone; low-quality cases are never read. HL-Sup trains
the same network on all cases pooled, every label at face value; it shows what naive mixing costs. Network,
loss, optimizer and inference are those of every other method, so that each of these is read as what it adds.

Differences from the paper: none known; Qian et al. (arXiv:2503.12218) name both without details. The
supervised batch has the size of the two-stream methods' HQ stream, so that the only difference to them is the
LQ data; `data.hq_batch` gives the larger reading.

Cite: none of their own; as baselines in C. Qian, K. Han et al., "Adaptive Label Correction for Robust Medical
Image Segmentation with Noisy Labels", IEEE BIBM 2025, arXiv:2503.12218.
"""

from torch import Tensor, nn

from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings

__all__ = ["HLSup", "HSup"]


class SupervisedSettings(MethodSettings):
    """What can be set of both."""

    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""


class HSup(Method[SupervisedSettings]):
    """Supervised on HQ labels alone."""

    card = Card("Qian, Han et al., BIBM 2025 (as a baseline)", "one", "that one")
    streams: tuple[str, ...] = ("hq",)
    terms = ("sup",)
    incomplete_labels = True

    def build_networks(self) -> None:
        """One trained network."""
        self.network = self.task.build_network()

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`sup`: the segmentation loss on the patches of the only stream."""
        (patches,) = batch.values()
        logits, reduction = self.logits_of(self.network, patches), self.settings.dice_reduction
        return {"sup": segmentation_loss(logits, patches.label, dice_reduction=reduction, mask=patches.known)}

    def export_networks(self) -> dict[str, nn.Module]:
        """The only network."""
        return {"model": self.network}


class HLSup(HSup):
    """Supervised on all labels as they came, quality unseen."""

    streams = ("union",)
