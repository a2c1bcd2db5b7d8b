"""Evidence read from logits."""

import numpy as np
import pytest
import torch
from torch import nn

from alcseg.networks.evidential import Evidential


@pytest.mark.parametrize("classes", [2, 3])
def test_output_is_a_dirichlet_whose_mean_its_softmax_gives(classes: int, rng: np.random.Generator) -> None:
    logits = torch.from_numpy(rng.normal(0, 5, (2, classes, 3, 2, 2)).astype(np.float32))
    network = Evidential(nn.Identity())
    output = network(logits)
    alpha = (1 + logits.exp()).log() + 1
    torch.testing.assert_close(output.exp(), alpha)
    probs, doubt = output.softmax(1), network.uncertainty(output)
    torch.testing.assert_close(probs, alpha / alpha.sum(1, keepdim=True))
    # Belief and uncertainty share out the whole mass: sum_k e_k / S + K / S = 1.
    torch.testing.assert_close(
        ((alpha - 1) / alpha.sum(1, keepdim=True)).sum(1) + doubt, torch.ones(2, 3, 2, 2)
    )
    assert torch.equal(probs.argmax(1), logits.argmax(1))


def test_no_evidence_is_full_uncertainty() -> None:
    # At logits 0 and two classes: 2 / (2 + 2 ln 2) = 0.59.
    network = Evidential(nn.Identity())
    assert float(network.uncertainty(network(torch.zeros(1, 2, 1, 1, 1)))) == pytest.approx(0.5906, abs=1e-4)
    nothing = torch.full((1, 3, 1, 1, 1), -100.0)
    assert float(network.uncertainty(network(nothing))) == pytest.approx(1)


def test_autocast_keeps_small_evidence() -> None:
    # bfloat16 knows no number between 1 and 1.0078; e^-6 is 0.0025.
    with torch.autocast("cpu", torch.bfloat16):
        output = Evidential(nn.Identity())(torch.full((1, 2, 1, 1, 1), -6.0, dtype=torch.bfloat16))
    assert output.dtype == torch.float32
    torch.testing.assert_close(output.expm1(), torch.full_like(output, 2.4757e-3), rtol=1e-3, atol=0)
