"""Fusing perturbed predictions, against equations 4 to 7 restated in numpy."""

import numpy as np
import pytest
import torch

from alcseg.correction import refine

SHAPE = (2, 3, 3, 2, 4)  # B, C, X, Y, Z


@pytest.fixture
def log_probs(rng: np.random.Generator) -> list[torch.Tensor]:
    return [torch.tensor(rng.normal(0, 2, SHAPE)).float().log_softmax(1) for _ in range(4)]


def reference(
    log_probs: list[torch.Tensor], weighting: str, temperature: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean m (eq. 4), divergence D (eq. 5) and fused q (eq. 6), voxel by voxel in float64."""
    p = np.exp(np.stack([one.double().numpy() for one in log_probs]))
    mean = p.mean(0)
    divergence = np.zeros((len(p), SHAPE[0], *SHAPE[2:]))
    for t in range(len(p)):
        for c in range(SHAPE[1]):
            divergence[t] += p[t, :, c] * (np.log(p[t, :, c]) - np.log(mean[:, c]))
    tau = temperature * divergence.mean()
    weight = {
        "inverse": 1 / (divergence + 1e-6),
        "exponential": np.exp(-divergence / tau),
        "uniform": np.ones_like(divergence),
    }[weighting]
    weight = weight / weight.sum(0)
    fused = sum(weight[t][:, None] * p[t] for t in range(len(p)))
    return mean, divergence, fused


@pytest.mark.parametrize(
    ("weighting", "temperature"),
    [("inverse", 1.0), ("exponential", 1.0), ("exponential", 0.3), ("uniform", 1.0)],
)
def test_refine_equals_its_restatement(
    weighting: str, temperature: float, log_probs: list[torch.Tensor]
) -> None:
    mean, divergence, fused = reference(log_probs, weighting, temperature)
    refined = refine(log_probs, weighting=weighting, temperature=temperature)
    np.testing.assert_allclose(refined.mean.numpy(), mean, rtol=1e-5)
    np.testing.assert_allclose(refined.fused.numpy(), fused, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(refined.uncertainty.numpy(), divergence.mean(0), rtol=1e-4, atol=1e-6)
    assert np.array_equal(refined.label.numpy(), fused.argmax(1))
    np.testing.assert_allclose(refined.fused.sum(1).numpy(), 1, atol=1e-5)


def test_defaults_are_inverse_weights_and_a_temperature_of_one(log_probs: list[torch.Tensor]) -> None:
    plain = refine(log_probs)
    torch.testing.assert_close(plain.fused, refine(log_probs, weighting="inverse", uncertainty="kl").fused)
    torch.testing.assert_close(
        refine(log_probs, weighting="exponential").fused,
        refine(log_probs, weighting="exponential", temperature=1.0).fused,
    )


def test_uniform_weights_give_the_mean(log_probs: list[torch.Tensor]) -> None:
    refined = refine(log_probs, weighting="uniform")
    torch.testing.assert_close(refined.fused, refined.mean)


def test_entropy_is_that_of_the_fused_distribution(log_probs: list[torch.Tensor]) -> None:
    _, _, fused = reference(log_probs, "inverse", 1.0)
    refined = refine(log_probs, uncertainty="entropy")
    np.testing.assert_allclose(
        refined.uncertainty.numpy(), -(fused * np.log(fused)).sum(1), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("weighting", ["inverse", "exponential", "uniform"])
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_passes_that_agree_share_the_weight(weighting: str, scale: float, rng: np.random.Generator) -> None:
    # Rounding makes the plain sum of eq. 5 negative, and weights with it; at scale 60 probabilities reach 0.
    one = (scale * torch.tensor(rng.normal(0, 1, SHAPE)).float()).log_softmax(1)
    refined = refine([one] * 4, weighting=weighting)
    assert (refined.uncertainty >= 0).all()
    assert float(refined.uncertainty.max()) < 1e-5
    torch.testing.assert_close(refined.fused, one.exp(), atol=1e-5, rtol=1e-5)


def test_the_pass_far_from_the_mean_counts_less() -> None:
    # Three passes say 0.9 background, one 0.2. m = 0.725; D = 0.9 ln(0.9/0.725) + 0.1 ln(0.1/0.275) = 0.0935
    # for the three and 0.2 ln(0.2/0.725) + 0.8 ln(0.8/0.275) = 0.5966 for the one, so the one weighs
    # (1/0.5966) / (3/0.0935 + 1/0.5966) = 0.0497 and q = 0.9 - 0.7 * 0.0497 = 0.865.
    passes = [torch.tensor([p, 1 - p]).log().reshape(1, 2, 1, 1, 1) for p in (0.9, 0.9, 0.9, 0.2)]
    refined = refine(passes)
    assert float(refined.mean[0, 0]) == pytest.approx(0.725, abs=1e-6)
    assert float(refined.fused[0, 0]) == pytest.approx(0.865, abs=5e-4)


def test_a_lone_voxel_of_which_all_passes_disagree_has_a_label() -> None:
    # D of its two passes is 0.69, and 0 elsewhere: the mean is 0.69 / 512, and exp(-D / tau) 0 for both.
    passes = [torch.zeros(1, 2, 8, 8, 8) for _ in range(2)]
    for one, first in zip(passes, (9.0, -9.0), strict=True):
        one[0, 0, 0, 0, 0] = first
    refined = refine([one.log_softmax(1) for one in passes], weighting="exponential")
    torch.testing.assert_close(refined.fused, torch.full((1, 2, 8, 8, 8), 0.5))


def test_one_pass_is_its_own_mean(log_probs: list[torch.Tensor]) -> None:
    refined = refine(log_probs[:1])
    torch.testing.assert_close(refined.fused, log_probs[0].exp())
