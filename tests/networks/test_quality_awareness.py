"""A network of one score per patch."""

import itertools

import pytest
import torch

from alcseg.networks.quality_awareness import QualityAwareness


def test_size() -> None:
    # 3x3x3 kernels, widths 16, 32, 64, 128, 128 in levels of 2, 2, 3, 3, 3:
    # 27 (2*16 + 16*16 + 16*32 + 32*32 + 32*64 + 2*64*64 + 64*128 + 5*128*128) = 2 758 752;
    # BatchNorm 2 (2*16 + 2*32 + 3*64 + 6*128) = 2112; the last layer 129.
    assert sum(weight.numel() for weight in QualityAwareness(2).parameters()) == 2_758_752 + 2112 + 129


@pytest.mark.parametrize(
    ("batch", "shape"),
    [
        (3, (1, 1, 1)),  # of one such patch a single value is left, which has no variance to normalize by
        *itertools.product([1, 3], [(2, 3, 5), (8, 8, 8), (33, 17, 6)]),
    ],
)
def test_any_patch_has_a_score(batch: int, shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = QualityAwareness(3, width=2)
    pair = torch.randn(batch, 3, *shape)
    assert torch.equal(network(pair), torch.zeros(batch))
    torch.nn.init.normal_(network.head.weight)
    scores = network.eval()(pair)
    assert scores.shape == (batch,)
    assert torch.isfinite(scores).all()


def test_the_last_layer_learns_from_the_start() -> None:
    torch.manual_seed(0)
    network = QualityAwareness(2, width=2)
    (network(torch.randn(3, 2, 8, 8, 8)) * torch.tensor([1.0, -1.0, 0.5])).sum().backward()
    assert network.head.weight.grad.abs().sum() > 0
