"""Cross-entropy and Dice against a slow restatement in numpy."""

import numpy as np
import pytest
import torch

from alcseg.losses import dice_loss, segmentation_loss, segmentation_loss_per_sample

SHAPE = (3, 4, 2)  # X, Y, Z


def reference(
    logits: np.ndarray, target: np.ndarray, *, per_sample: bool, smooth: float = 1e-5
) -> tuple[float, float]:
    """Cross-entropy and Dice of logits `(B, C, ...)` and class probabilities of the same shape, by loops."""
    shifted = logits - logits.max(1, keepdims=True)
    probs = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
    batch, classes = probs.shape[:2]
    cross_entropy = -(target * np.log(probs)).sum(1).mean()
    groups = [[sample] for sample in range(batch)] if per_sample else [list(range(batch))]
    ratios = []
    for group in groups:
        for c in range(classes):
            overlap = sum(float((probs[b, c] * target[b, c]).sum()) for b in group)
            size = sum(float((probs[b, c] ** 2).sum() + (target[b, c] ** 2).sum()) for b in group)
            ratios.append((2 * overlap + smooth) / (size + smooth))
    return float(cross_entropy), 1 - float(np.mean(ratios))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("reduction", ["pooled", "per_sample"])
@pytest.mark.parametrize("soft", [False, True])
def test_loss_equals_its_restatement(
    classes: int, reduction: str, soft: bool, rng: np.random.Generator
) -> None:
    logits = rng.normal(0, 2, (2, classes, *SHAPE))
    label = rng.integers(0, classes, (2, *SHAPE))
    target = np.moveaxis(np.eye(classes)[label], -1, 1)
    if soft:
        target = 0.6 * target + 0.4 / classes
    cross_entropy, dice = reference(logits, target, per_sample=reduction == "per_sample")
    given = torch.tensor(target).float() if soft else torch.tensor(label)
    loss = segmentation_loss(
        torch.tensor(logits).float(), given, ce_weight=0.3, dice_weight=0.7, dice_reduction=reduction
    )
    assert float(loss) == pytest.approx(0.3 * cross_entropy + 0.7 * dice, rel=1e-5)


@pytest.mark.parametrize("reduction", ["pooled", "per_sample"])
def test_a_perfect_prediction_costs_nothing(reduction: str, rng: np.random.Generator) -> None:
    label = torch.tensor(rng.integers(0, 3, (2, *SHAPE)))
    one_hot = torch.nn.functional.one_hot(label, 3).movedim(-1, 1).float()
    assert float(dice_loss(one_hot, label, reduction=reduction)) == pytest.approx(0, abs=1e-6)
    assert float(segmentation_loss(200 * one_hot, label, dice_reduction=reduction)) == pytest.approx(
        0, abs=1e-6
    )


def test_reductions_differ_where_a_patch_is_nearly_empty() -> None:
    # Patch 0 is foreground and predicted so; patch 1 has none, and one of 24 voxels is predicted so.
    # Pooled: foreground 2*24/(25+24) = 0.98, background 2*23/(23+24) = 0.98: loss 0.02.
    # Per sample: patch 0 is perfect; in patch 1 foreground is 0, background 0.98: loss (0 + 0.51)/2 = 0.255.
    label = torch.zeros(2, *SHAPE, dtype=torch.long)
    label[0] = 1
    predicted = label.clone()
    predicted[1, 0, 0, 0] = 1
    probs = torch.nn.functional.one_hot(predicted, 2).movedim(-1, 1).float()
    assert float(dice_loss(probs, label)) == pytest.approx(1 - (48 / 49 + 46 / 47) / 2, abs=1e-6)
    assert float(dice_loss(probs, label, reduction="per_sample")) == pytest.approx(
        (1 - (0 + 46 / 47) / 2) / 2, abs=1e-5
    )


def test_a_batch_without_foreground_has_a_finite_loss_and_gradient() -> None:
    logits = torch.zeros(1, 3, *SHAPE, requires_grad=True)
    loss = segmentation_loss(logits, torch.zeros(1, *SHAPE, dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_autocast_does_not_reach_the_loss(rng: np.random.Generator) -> None:
    logits = torch.tensor(rng.normal(0, 2, (2, 2, *SHAPE))).bfloat16()
    label = torch.tensor(rng.integers(0, 2, (2, *SHAPE)))
    plain = segmentation_loss(logits.float(), label)
    with torch.autocast("cpu", torch.bfloat16):
        cast = segmentation_loss(logits, label)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("reduction", ["pooled", "per_sample"])
def test_masked_loss_equals_its_restatement(classes: int, reduction: str, rng: np.random.Generator) -> None:
    logits = rng.normal(0, 2, (2, classes, *SHAPE))
    label = rng.integers(0, classes, (2, *SHAPE))
    mask = rng.random((2, *SHAPE)) < 0.6
    target = np.moveaxis(np.eye(classes)[label], -1, 1)
    probs = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    cross_entropy = -np.log(probs[target == 1].reshape(-1))  # class by class, so it is masked likewise
    kept = np.broadcast_to(mask[:, None], target.shape)[target == 1]
    groups = [[0], [1]] if reduction == "per_sample" else [[0, 1]]
    ratios = []
    for group in groups:
        for c in range(classes):
            p = np.concatenate([probs[b, c][mask[b]] for b in group])
            y = np.concatenate([target[b, c][mask[b]] for b in group])
            ratios.append((2 * (p * y).sum() + 1e-5) / ((p**2).sum() + (y**2).sum() + 1e-5))
    expected = 0.3 * cross_entropy[kept].mean() + 0.7 * (1 - np.mean(ratios))
    loss = segmentation_loss(
        torch.tensor(logits).float(),
        torch.tensor(label),
        ce_weight=0.3,
        dice_weight=0.7,
        dice_reduction=reduction,
        mask=torch.tensor(mask),
    )
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_masked_voxels_have_no_gradient_and_an_empty_mask_no_loss(rng: np.random.Generator) -> None:
    logits = torch.tensor(rng.normal(0, 2, (2, 2, *SHAPE))).float().requires_grad_()
    label = torch.tensor(rng.integers(0, 2, (2, *SHAPE)))
    mask = torch.tensor(rng.random((2, *SHAPE)) < 0.6)
    segmentation_loss(logits, label, mask=mask).backward()
    touched = logits.grad.abs().sum(1) > 0
    assert torch.equal(touched, mask)
    nothing = segmentation_loss(logits, label, mask=torch.zeros_like(mask))
    assert float(nothing.detach()) == 0


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("skip_absent", [False, True])
def test_loss_of_each_sample_equals_its_restatement(
    classes: int, skip_absent: bool, rng: np.random.Generator
) -> None:
    logits = rng.normal(0, 2, (3, classes, *SHAPE))
    label = rng.integers(0, classes, (3, *SHAPE))
    label[1] = 0  # a sample without foreground
    expected = []
    for sample in range(3):
        present = [c for c in range(classes) if not skip_absent or (label[sample] == c).any()]
        shifted = np.exp(logits[sample])
        probs = shifted / shifted.sum(0)
        truth = [label[sample] == c for c in range(classes)]
        cross_entropy = -np.mean(np.log(sum(probs[c] * truth[c] for c in range(classes))))
        ratios = [
            (2 * (probs[c] * truth[c]).sum() + 1e-5) / ((probs[c] ** 2).sum() + truth[c].sum() + 1e-5)
            for c in present
        ]
        expected.append(0.3 * cross_entropy + 0.7 * (1 - np.mean(ratios)))
    each = segmentation_loss_per_sample(
        torch.tensor(logits).float(),
        torch.tensor(label),
        ce_weight=0.3,
        dice_weight=0.7,
        skip_absent=skip_absent,
    )
    np.testing.assert_allclose(each.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("soft", [False, True])
def test_the_mean_over_samples_is_the_per_sample_reduction(soft: bool, rng: np.random.Generator) -> None:
    logits = torch.tensor(rng.normal(0, 2, (3, 3, *SHAPE))).float()
    label = torch.tensor(rng.integers(0, 3, (3, *SHAPE)))
    if soft:
        label = torch.tensor(rng.normal(0, 2, (3, 3, *SHAPE))).float().softmax(1)
    torch.testing.assert_close(
        segmentation_loss_per_sample(logits, label).mean(),
        segmentation_loss(logits, label, dice_reduction="per_sample"),
    )
