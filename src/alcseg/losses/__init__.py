"""Losses on tensors: logits or probabilities in, a scalar or a voxel map out."""

from alcseg.losses.consistency import consistency_loss
from alcseg.losses.partial import joined, masked_mean, merge_undrawn
from alcseg.losses.segmentation import dice_loss, segmentation_loss, segmentation_loss_per_sample

__all__ = [
    "consistency_loss",
    "dice_loss",
    "joined",
    "masked_mean",
    "merge_undrawn",
    "segmentation_loss",
    "segmentation_loss_per_sample",
]
