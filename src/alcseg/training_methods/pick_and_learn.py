"""Pick-and-Learn: a second network rates the labels of a batch, and the loss follows its ratings.

Zhu, Shi and Wu, MICCAI 2019, doi:10.1007/978-3-030-32226-7_64, arXiv:1907.11835. A small network looks at
each image together with its given label. Its score is bounded, so that no sample is starved, and a softmax
over the batch makes weights of the scores. Both networks learn from one loss; no label of quality is needed:

    s_i = rating network(image_i, label_i)
    w_i = exp(lambda tanh s_i) / sum_j exp(lambda tanh s_j)       so w_max / w_min < exp(2 lambda) = 54.6
    L   = sum_i w_i l_i                                           l_i the segmentation loss of sample i
    dL/ds_i = lambda (1 - tanh^2 s_i) w_i (l_i - L)               scores of easy samples rise

Differences from the paper: a sample is a 3D patch, so a case is rated patch by patch; the rating network is a
narrow 3D VGG behind 2x2x2 averaging, and its last layer starts at zero, so training starts with equal
weights; cross-entropy plus Dice per patch, where the paper has Dice (`ce_weight=0` and `dice_weight=1`). The
paper leaves open which loss the rating network learns from; here it is the weighted one. `quality_aware` is
an addition.

Public code consulted to settle doubts: a re-implementation by the first author (one loss, gradient through
the weights, nothing divided, as here; a sigmoid in place of the tanh) and the one in 502463708/
Confident_Learning_for_Noisy-labeled_Medical_Image_Segmentation, of which are not followed: a softmax ahead of
a loss that has its own, a division by the batch size, scores that a ReLU keeps above 0, weights per device.

Cite: H. Zhu, J. Shi, J. Wu. Pick-and-Learn: Automatic Quality Evaluation for Noisy-Labeled Image
Segmentation. MICCAI 2019, LNCS 11769, 576-584.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from alcseg.data.sampling import Patches
from alcseg.losses.segmentation import segmentation_loss, segmentation_loss_per_sample
from alcseg.networks.quality_awareness import QualityAwareness
from alcseg.training_methods.base import Batch, Card, Method, MethodSettings
from alcseg.types import Count, NotNegative

__all__ = ["PickAndLearn"]


class PickAndLearnSettings(MethodSettings):
    """What can be set of Pick-and-Learn."""

    score_bound: NotNegative = 2.0
    """Scores are squeezed to plus and minus this, lambda; 0 gives all patches equal weights."""
    quality_aware: bool = False
    """Rate and weigh LQ patches alone and add the loss on HQ patches; otherwise all cases are pooled and
    quality is unseen.
    """
    qam_width: Count = 16
    """Channels of the rating network's first level."""
    qam_lr_scale: NotNegative = 1.0
    """Learning rate of the rating network over that of the segmentation network."""
    dice_skip_absent: bool = False
    """Leave classes that a patch's label does not hold out of its Dice; a patch without foreground then costs
    little instead of much.
    """
    ce_weight: NotNegative = 0.5
    """Weight of the cross-entropy in a patch's loss."""
    dice_weight: NotNegative = 0.5
    """Weight of the soft Dice loss."""


class PickAndLearn(Method[PickAndLearnSettings]):
    """Supervised, each patch weighed by what a rating network thinks of its label."""

    card = Card("Zhu et al., MICCAI 2019", "one, and one that rates labels", "the first")
    streams: tuple[str, ...] = ("union",)
    terms = ("sup",)
    incomplete_labels = True
    readings = ("effective_samples", "largest_weight")

    def build_networks(self) -> None:
        """The segmentation network and the rating network, both trained."""
        self.network = self.task.build_network()
        channels = self.task.in_channels + self.task.num_classes - 1
        self.quality = QualityAwareness(channels, width=self.settings.qam_width)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """One SGD over both networks."""
        rate = self.task.learning_rate
        groups = [
            {"params": [*self.network.parameters()], "lr": rate},
            {"params": [*self.quality.parameters()], "lr": rate * self.settings.qam_lr_scale},
        ]
        return [self.sgd(groups)]

    def training_terms(self, batch: Batch) -> dict[str, Tensor]:
        """`sup`: the weighted sum of the patches' losses, from which both networks learn."""
        rated = batch["lq"] if self.settings.quality_aware else batch["union"]
        parts = [rated, batch["hq"]] if self.settings.quality_aware else [rated]
        weight = sample_weights(self._scores(rated), self.settings.score_bound)
        logits = self.logits_of(self.network, *parts)
        ce_weight, dice_weight = self.settings.ce_weight, self.settings.dice_weight
        losses = segmentation_loss_per_sample(
            logits[: len(rated)],
            rated.label,
            ce_weight=ce_weight,
            dice_weight=dice_weight,
            skip_absent=self.settings.dice_skip_absent,
            mask=rated.known,
        )
        supervised = (weight * losses).sum()
        if self.settings.quality_aware:
            hq = batch["hq"]
            supervised = supervised + segmentation_loss(
                logits[len(rated) :], hq.label, ce_weight=ce_weight, dice_weight=dice_weight, mask=hq.known
            )
        self.note(effective_samples=1 / weight.square().sum(), largest_weight=weight.max())
        return {"sup": supervised}

    def export_networks(self) -> dict[str, nn.Module]:
        """The segmentation network; ratings need a label and end with training."""
        return {"model": self.network}

    def _scores(self, patches: Patches) -> Tensor:
        """What the rating network says of each patch, `(B,)`; it sees zeros where nobody labeled."""
        one_hot = functional.one_hot(patches.label, self.task.num_classes).movedim(-1, 1)
        shown = torch.cat([patches.image, one_hot[:, 1:].float()], 1)
        if patches.known is not None:
            shown = shown * patches.known.unsqueeze(1)
        scores: Tensor = self.spread(self.quality, shown)
        return scores


def sample_weights(scores: Tensor, bound: float) -> Tensor:
    """Weights of a batch from its scores, in float32 also under autocast.

    Args:
        scores: Unbounded, `(B,)`.
        bound: Of the squeezed scores, lambda.

    Returns:
        Positive weights `(B,)` that sum to 1; none is more than exp(2 bound) times another.
    """
    with torch.autocast(scores.device.type, enabled=False):
        return (bound * scores.float().tanh()).softmax(0)
