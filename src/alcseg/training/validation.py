"""Dice on whole clean validation volumes, on the model grid."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from alcseg.data.cache import CachedCase
from alcseg.inference.sliding_window import sliding_window_probabilities
from alcseg.metrics.overlap import dice

__all__ = ["validation_dice"]


def validation_dice(
    network: nn.Module,
    cases: Sequence[CachedCase],
    patch: tuple[int, int, int],
    num_classes: int,
    device: torch.device,
) -> float:
    """Mean foreground Dice over cases and classes; a class absent from both maps is left out.

    Voxels that nobody labeled are left out, and so is a class in a case in which nobody drew it.

    Args:
        network: Image to logits; put into evaluation mode and back.
        cases: Clean validation cases.
        patch: Inference window.
        num_classes: Background counted.
        device: Where the network is.
    """
    was_training = network.training
    network.eval()
    scores = []
    for case in cases:
        image = torch.from_numpy(np.asarray(case.image(), dtype=np.float32))
        probs = sliding_window_probabilities(network, image, patch=patch, device=device)
        pred, label, known = probs.argmax(0).numpy(), np.asarray(case.label()), case.known()
        if known is not None:
            pred, label = pred[known], label[known]
        drawn = [index for index in range(1, num_classes) if index not in case.undrawn]
        scores += [dice(pred == index, label == index) for index in drawn]
    network.train(was_training)
    counted = [score for score in scores if not np.isnan(score)]
    return float(np.mean(counted)) if counted else float("nan")
