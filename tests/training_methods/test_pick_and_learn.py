"""Weights of patches from a network that rates labels."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.losses import segmentation_loss, segmentation_loss_per_sample
from alcseg.training_methods import Method
from alcseg.training_methods.pick_and_learn import sample_weights

Make = Callable[..., Method]
MakeBatch = Callable[..., dict[str, Patches]]


def objective(scores: np.ndarray, losses: np.ndarray, bound: float) -> float:
    """The weighted loss in float64, one sample at a time."""
    powers = [math.exp(bound * math.tanh(score)) for score in scores]
    return sum(power / sum(powers) * loss for power, loss in zip(powers, losses, strict=True))


def test_gradient_of_the_scores_is_the_closed_form(rng: np.random.Generator) -> None:
    scores, losses, bound = rng.normal(0, 1, 6), rng.uniform(0, 2, 6), 2.0
    given = torch.tensor(scores).float().requires_grad_()
    weight = sample_weights(given, bound)
    total = (weight * torch.tensor(losses)).sum()
    total.backward()
    assert float(total.detach()) == pytest.approx(objective(scores, losses, bound), rel=1e-6)
    step = 1e-5 * np.eye(6)
    slopes = [
        (objective(scores + d, losses, bound) - objective(scores - d, losses, bound)) / 2e-5 for d in step
    ]
    np.testing.assert_allclose(given.grad.numpy(), slopes, rtol=1e-4, atol=1e-6)
    closed = bound * (1 - np.tanh(scores) ** 2) * weight.detach().numpy() * (losses - float(total.detach()))
    np.testing.assert_allclose(slopes, closed, rtol=1e-4, atol=1e-6)


def test_weights_sum_to_one_and_are_bounded() -> None:
    weight = sample_weights(torch.tensor([1e4, -1e4, 0.3, -2.0]), 2.0)
    assert float(weight.sum()) == pytest.approx(1)
    assert float(weight.max() / weight.min()) == pytest.approx(math.exp(4), rel=1e-5)
    # One of 24 patches rated best and all others worst: 54.6 / (54.6 + 23) = 0.70.
    scores = torch.full((24,), -1e4)
    scores[5] = 1e4
    assert float(sample_weights(scores, 2.0)[5]) == pytest.approx(0.7036, abs=1e-4)


def test_bfloat16_scores_give_float32_weights() -> None:
    scores = torch.tensor([0.5, -0.25, 1.0])
    with torch.autocast("cpu", torch.bfloat16):
        weight = sample_weights(scores.bfloat16(), 2.0)
    assert weight.dtype == torch.float32
    assert torch.equal(weight, sample_weights(scores, 2.0))


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_bound_it_is_the_mean_over_patches(
    classes: int, make_method: Make, make_batch: MakeBatch
) -> None:
    method = make_method("pick_and_learn", classes=classes, score_bound=0.0, dropout=0.0)
    rate(method)
    (patches,) = make_batch("pick_and_learn", classes=classes).values()
    term = method.training_terms({"union": patches})["sup"]
    logits = method.network(patches.image)
    expected = segmentation_loss(logits, patches.label, dice_reduction="per_sample")
    torch.testing.assert_close(term, expected, rtol=1e-4, atol=1e-6)
    assert float(method.noted["effective_samples"]) == pytest.approx(len(patches))
    assert float(method.noted["largest_weight"]) == pytest.approx(1 / len(patches))


def test_training_starts_with_equal_weights(make_method: Make, make_batch: MakeBatch) -> None:
    method, batch = make_method("pick_and_learn"), make_batch("pick_and_learn")
    method.training_terms(batch)
    assert float(method.noted["effective_samples"]) == pytest.approx(6)
    for _ in range(3):
        method.step(batch)
    assert float(method.last_terms["effective_samples"]) < 6 - 1e-6


def test_the_term_is_the_weighted_sum(make_method: Make, make_batch: MakeBatch) -> None:
    method, batch = make_method("pick_and_learn", dropout=0.0, dice_skip_absent=True), make_batch("alc")
    patches = batch["lq"]
    rate(method)
    term = method.training_terms({"union": patches})["sup"]
    foreground = (patches.label == 1).float().unsqueeze(1)
    scores = method.quality(torch.cat([patches.image, foreground], 1)).detach().numpy()
    assert scores.std() > 0.01
    losses = segmentation_loss_per_sample(method.network(patches.image), patches.label, skip_absent=True)
    expected = objective(scores, losses.detach().numpy(), 2.0)
    assert float(term.detach()) == pytest.approx(expected, rel=1e-4)


def test_known_quality_weighs_lq_patches_alone(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    batch = {"hq": make_patches(2), "lq": make_patches(4)}
    options = {"dropout": 0.0, "norm": False}
    method = make_method("pick_and_learn", quality_aware=True, **options)
    pooled = make_method("pick_and_learn", **options)
    assert method.streams == ("hq", "lq")
    rate(method)
    rate(pooled)
    term = method.training_terms(batch)["sup"]
    on_lq = pooled.training_terms({"union": batch["lq"]})["sup"]
    on_hq = segmentation_loss(method.network(batch["hq"].image), batch["hq"].label)
    torch.testing.assert_close(term, on_hq + on_lq, rtol=1e-4, atol=1e-6)


def test_the_rating_network_has_its_own_learning_rate(make_method: Make, make_batch: MakeBatch) -> None:
    method = make_method("pick_and_learn", qam_lr_scale=0.0)
    before = [parameter.clone() for parameter in method.quality.parameters()]
    weights = [parameter.clone() for parameter in method.network.parameters()]
    method.step(make_batch("pick_and_learn"))
    (optimizer,) = method.optimizers
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.0]
    assert all(torch.equal(a, b) for a, b in zip(before, method.quality.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights, method.network.parameters(), strict=True))


def test_the_rating_network_is_left_behind(make_method: Make) -> None:
    method = make_method("pick_and_learn")
    assert method.export_networks() == {"model": method.network}


def test_settings_out_of_range_are_named(make_method: Make) -> None:
    for name, value in (("score_bound", -1.0), ("qam_width", 0), ("qam_lr_scale", -0.1)):
        with pytest.raises(ConfigError, match=rf"method\.{name}: .* got {value}"):
            make_method("pick_and_learn", **{name: value})


def rate(method: Method) -> None:
    """Let the last layer of the rating network, zero at the start, tell patches apart."""
    torch.manual_seed(7)
    torch.nn.init.normal_(method.quality.head.weight)
