"""Agreement with one teacher, and with the mean of several."""

import numpy as np
import pytest
import torch

from alcseg.losses import consistency_loss

SHAPE = (2, 3, 3, 2, 2)  # B, C, X, Y, Z


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def test_both_kinds_equal_their_formulas(rng: np.random.Generator) -> None:
    student, teacher = rng.normal(0, 2, SHAPE), softmax(rng.normal(0, 2, SHAPE))
    p = softmax(student)
    logits, target = torch.tensor(student).float(), torch.tensor(teacher).float()
    assert float(consistency_loss(logits, target)) == pytest.approx(((p - teacher) ** 2).mean(), rel=1e-5)
    kl = (teacher * (np.log(teacher) - np.log(p))).sum(1).mean()
    assert float(consistency_loss(logits, target, kind="kl")) == pytest.approx(kl, rel=1e-4)


@pytest.mark.parametrize("kind", ["mse", "kl"])
def test_agreement_costs_nothing(kind: str, rng: np.random.Generator) -> None:
    logits = torch.tensor(rng.normal(0, 2, SHAPE)).float()
    assert float(consistency_loss(logits, logits.softmax(1), kind=kind)) == pytest.approx(0, abs=1e-6)


def test_a_certain_teacher_has_a_finite_divergence() -> None:
    target = torch.zeros(SHAPE)
    target[:, 0] = 1  # 0 log 0 = 0: what is left is -log(1/3)
    assert float(consistency_loss(torch.zeros(SHAPE), target, kind="kl")) == pytest.approx(
        np.log(3), rel=1e-6
    )


def test_the_mean_over_passes_is_one_product_and_a_constant(rng: np.random.Generator) -> None:
    # mean_t (s - p_t)^2 = (s - m)^2 + var_t p_t, in value and gradient.
    student = torch.tensor(rng.normal(0, 2, SHAPE), requires_grad=True)
    probs = torch.tensor(np.stack([softmax(rng.normal(0, 2, SHAPE)) for _ in range(4)]))
    assert student.dtype == probs.dtype == torch.float64
    long = (student.softmax(1) - probs).square().mean()
    (slope,) = torch.autograd.grad(long, student)
    short = (student.softmax(1) - probs.mean(0)).square().mean() + probs.var(0, correction=0).mean()
    (other_slope,) = torch.autograd.grad(short, student)
    torch.testing.assert_close(short, long, rtol=0, atol=1e-15)
    torch.testing.assert_close(other_slope, slope, rtol=0, atol=1e-15)
