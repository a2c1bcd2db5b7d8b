"""Marginal losses against their restatement, and means over the voxels that count."""

import torch

from alcseg.losses.partial import joined, masked_mean, merge_undrawn
from alcseg.losses.segmentation import dice_loss, segmentation_loss


def test_merged_logits_give_background_the_probability_of_what_was_not_drawn() -> None:
    logits = torch.randn(2, 4, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    undrawn = torch.tensor([[False, False, True, True], [False, False, False, False]])
    probs, merged = logits.softmax(1), merge_undrawn(logits, undrawn).softmax(1)
    torch.testing.assert_close(merged[0, 0], probs[0, 0] + probs[0, 2] + probs[0, 3])
    torch.testing.assert_close(merged[0, 1], probs[0, 1])
    assert not merged[0, 2:].any()
    torch.testing.assert_close(merged[1], probs[1])
    assert merge_undrawn(logits, None) is logits


def test_the_marginal_loss_pushes_nothing_from_an_undrawn_class_to_background() -> None:
    # p = (0.1, 0.2, 0.7): a voxel labeled background, class 2 not drawn. The cross-entropy is -ln(0.1 + 0.7),
    # and its gradient moves background and class 2 up alike, by their shares of 0.8: 0.1 - 0.1/0.8 and
    # 0.7 - 0.7/0.8.
    probs = torch.tensor([0.1, 0.2, 0.7]).reshape(1, 3, 1, 1, 1)
    logits = probs.log().requires_grad_()
    merged = merge_undrawn(logits, torch.tensor([[False, False, True]]))
    loss = segmentation_loss(merged, torch.zeros(1, 1, 1, 1, dtype=torch.long), ce_weight=1, dice_weight=0)
    torch.testing.assert_close(loss, -torch.tensor(0.8).log())
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad.flatten(), torch.tensor([0.1 - 0.125, 0.2, 0.7 - 0.875]))


def test_a_class_that_nobody_drew_costs_no_dice() -> None:
    label = torch.tensor([0, 1]).reshape(1, 2, 1, 1)
    sure = torch.tensor([[[0.0, 0.0], [0.0, 60.0], [60.0, 0.0]]]).reshape(1, 3, 2, 1, 1)
    undrawn = torch.tensor([[False, False, True]])
    for reduction in ("pooled", "per_sample"):
        loss = dice_loss(merge_undrawn(sure, undrawn).softmax(1), label, reduction=reduction)
        torch.testing.assert_close(loss, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_voxels_that_do_not_count_are_not_in_the_mean() -> None:
    values = torch.tensor([1.0, 5.0, torch.inf]).reshape(1, 3, 1, 1)
    mask = torch.tensor([True, True, False]).reshape(1, 3, 1, 1)
    assert masked_mean(values, mask) == 3
    assert masked_mean(values[:, :2], None) == 3
    assert masked_mean(values, torch.zeros_like(mask)) == 0


def test_masks_are_joined_or_absent() -> None:
    assert joined([None, None]) is None
    assert joined([torch.ones(1, 2), torch.zeros(2, 2)]).shape == (3, 2)  # type: ignore[union-attr]
