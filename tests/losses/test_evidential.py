"""Dirichlet losses against sums over voxels with scipy's special functions."""

import numpy as np
import pytest
import torch
from scipy.special import digamma, gammaln

from alcseg.losses.evidential import evidence_dice, expected_cross_entropy, wrong_evidence

SHAPE = (3, 2, 2)


def draw(classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Evidence from almost none to much, `(B, K, X, Y, Z)`, and labels."""
    evidence = np.exp(rng.normal(0, 3, (2, classes, *SHAPE)))
    return evidence, rng.integers(0, classes, (2, *SHAPE))


def voxels(evidence: np.ndarray, label: np.ndarray) -> list[tuple[np.ndarray, int]]:
    """Evidence of all classes and the label, voxel by voxel."""
    return [(evidence[b, :, x, y, z], int(label[b, x, y, z])) for b, x, y, z in np.ndindex(label.shape)]


def divergence_from_uniform(alpha: np.ndarray) -> float:
    """KL(Dir(alpha) || Dir(1)) as E[log Dir(alpha)] - log Dir(1), since E[log p_k] = psi(a_k) - psi(A)."""
    expected_log = digamma(alpha) - digamma(alpha.sum())
    log_density = gammaln(alpha.sum()) - gammaln(alpha).sum() + ((alpha - 1) * expected_log).sum()
    return float(log_density - gammaln(len(alpha)))


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_expected_cross_entropy_equals_its_restatement(classes: int, rng: np.random.Generator) -> None:
    evidence, label = draw(classes, rng)
    expected = np.mean([digamma((e + 1).sum()) - digamma(e[y] + 1) for e, y in voxels(evidence, label)])
    actual = expected_cross_entropy(torch.from_numpy(evidence), torch.from_numpy(label))
    assert float(actual) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_wrong_evidence_is_the_divergence_without_the_labels_share(
    classes: int, rng: np.random.Generator
) -> None:
    # For two classes this also holds the closed form against the general one.
    evidence, label = draw(classes, rng)
    expected = np.mean(
        [
            divergence_from_uniform(np.where(np.arange(classes) == y, 1, e + 1))
            for e, y in voxels(evidence, label)
        ]
    )
    actual = wrong_evidence(torch.from_numpy(evidence), torch.from_numpy(label))
    assert float(actual) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_wrong_evidence_is_zero_only_without_any(classes: int, rng: np.random.Generator) -> None:
    evidence, label = (torch.from_numpy(part) for part in draw(classes, rng))
    own = torch.nn.functional.one_hot(label, classes).movedim(-1, 1).bool()
    right = evidence.masked_fill(~own, 0)
    assert float(wrong_evidence(right, label)) == pytest.approx(0, abs=1e-12)
    other = (int(label[0, 0, 0, 0]) + 1) % classes
    right[0, other, 0, 0, 0] = 0.1
    assert float(wrong_evidence(right, label)) > 1e-6


def test_evidence_for_the_label_lowers_and_for_others_raises_the_expected_cross_entropy() -> None:
    label = torch.zeros(1, 1, 1, 1, dtype=torch.long)

    def loss(own: float, other: float) -> float:
        return float(expected_cross_entropy(torch.tensor([own, other]).reshape(1, 2, 1, 1, 1), label))

    # Softplus of 0 is 0.693: psi(3.386) - psi(1.693) = 1.0648 - 0.2026.
    assert loss(0.6931, 0.6931) == pytest.approx(0.862, abs=2e-3)
    assert loss(0, 1) > loss(1, 1) > loss(10, 1) > loss(100, 1) > 0
    assert loss(1, 0) < loss(1, 1) < loss(1, 10)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("logit", [-50.0, 50.0])
def test_gradients_stay_finite_at_the_ends(classes: int, logit: float) -> None:
    logits = torch.full((1, classes, *SHAPE), logit, requires_grad=True)
    evidence = torch.nn.functional.softplus(logits)
    label = torch.zeros(1, *SHAPE, dtype=torch.long)
    (expected_cross_entropy(evidence, label) + wrong_evidence(evidence, label)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("amount", "value"), [(10, -0.0476), (100, -0.819), (1000, -0.980)])
def test_dice_of_alpha_rewards_evidence_without_bound(amount: float, value: float) -> None:
    # A perfect mask on 1 of 10 voxels: 1 - 2 (1 + e) / ((1 + e) + 9 + 1); for e = 10, 1 - 22/21.
    label = torch.zeros(1, 10, 1, 1, dtype=torch.long)
    label[0, 0] = 1
    evidence = torch.zeros(1, 2, 10, 1, 1)
    evidence[0, 1, 0] = amount
    assert float(evidence_dice(evidence, label)) == pytest.approx(value, abs=1e-3)


def test_dice_of_alpha_is_summed_over_foreground_classes() -> None:
    # Without evidence alpha is 1 everywhere; 2 of 8 voxels per class: 2 (1 - 2 * 2 / (8 + 2)).
    label = torch.tensor([0, 0, 0, 0, 1, 1, 2, 2]).reshape(1, 8, 1, 1)
    assert float(evidence_dice(torch.zeros(1, 3, 8, 1, 1), label)) == pytest.approx(1.2, abs=1e-5)
