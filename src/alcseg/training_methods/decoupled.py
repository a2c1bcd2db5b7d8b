"""Decoupled: a branch for each label quality on a shared trunk.

Luo and Yang, ECCV 2020. Two branches of one layout stand on one trunk. The strong one learns from HQ labels
alone, the weak one from LQ labels alone, the trunk from both:

    L = L_seg(strong(trunk(x_H)), y_H) + beta L_seg(weak(trunk(x_L)), y_L)

So LQ images and labels shape the features, while their errors never reach the strong branch, which predicts.
Each term is a mean over its own stream, so the trunk hears both alike whatever their share of the batch.

Differences from the paper: a 3D network split at its bottleneck (there: a VGG-16 and up to three shared
convolutions); cross-entropy plus Dice instead of cross-entropy; the optimizer of all methods here, with one
learning rate. Each branch sees its own stream alone. There is no version that ignores the quality of labels.

Public code consulted to settle doubts: MTCL's 3D dual-stream network, whose two decoders share all weights;
unlike there, the branches are two.

Cite: W. Luo and M. Yang. Semi-supervised semantic segmentation via strong-weak dual-branch network. European
Conference on Computer Vision (ECCV), 2020.
"""

from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.losses.partial import merge_undrawn
from alcseg.losses.segmentation import DiceReduction, segmentation_loss
from alcseg.networks.two_branches import TwoBranches, single_path
from alcseg.networks.vnet import SplitAt
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import NotNegative

__all__ = ["Decoupled"]


class DecoupledSettings(MethodSettings):
    """What can be set of Decoupled."""

    split_at: SplitAt = "bottleneck"
    """Where trunk and branches part: after the `bottleneck`, after the `first_up`-sampling, or before the
    `head`, which leaves the branches the last level's convolutions and the output.
    """
    beta: NotNegative = 1.0
    """Weight of the LQ term."""
    dice_reduction: DiceReduction = "pooled"
    """`pooled` over the batch or `per_sample`."""


class Decoupled(Method[DecoupledSettings]):
    """A strong branch learns from HQ labels, a weak one from LQ labels, their trunk from both."""

    card = Card("Luo and Yang, ECCV 2020", "one trunk with a strong and a weak branch", "the strong branch")
    streams = ("hq", "lq")
    terms = ("hq", "lq")
    incomplete_labels = True

    def build_networks(self) -> None:
        """The strong branch is the upper one, the weak branch the lower."""
        self.network = TwoBranches(
            self.task.build_network, self.settings.split_at, upper_on=range(1), lower_on=range(1, 2)
        )

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`hq`: the strong branch on HQ; `lq`: the weak branch on LQ."""
        hq, lq = batch["hq"], batch["lq"]
        strong_logits, weak_logits = self.spread(self.network, hq.image, lq.image)
        return {"hq": self._segmentation(strong_logits, hq), "lq": self._segmentation(weak_logits, lq)}

    def term_weights(self) -> dict[str, float]:
        """A plain sum unless set otherwise."""
        return {"lq": self.settings.beta}

    def export_networks(self) -> dict[str, nn.Module]:
        """Trunk and strong branch."""
        return {"model": self.network.path("upper")}

    def build_exported(self, name: str) -> nn.Module:
        """Trunk and strong branch."""
        return single_path(self.task.build_network, self.settings.split_at)

    def _segmentation(self, logits: Tensor, patches: Patches) -> Tensor:
        return segmentation_loss(
            merge_undrawn(logits, patches.undrawn),
            patches.label,
            dice_reduction=self.settings.dice_reduction,
            mask=patches.known,
        )
