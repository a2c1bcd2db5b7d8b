"""Engines answer as the network does, plain and with units dropped."""

from importlib.util import find_spec

import pytest
import torch
from torch import Tensor, nn

from alcseg.inference.engines import TorchEngine, fold, make_engine
from alcseg.networks import build_network

CPU = torch.device("cpu")
PATCH = (16, 24, 16)
MISSING = pytest.mark.skipif(find_spec("openvino") is None, reason="openvino is not installed")


def vnet() -> nn.Module:
    """A small V-Net whose batch normalizations have learned something."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network("vnet", in_channels=1, num_classes=3, filters=2).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm3d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, 0, 0.2)
    return network


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return vnet()


@pytest.fixture
def windows() -> Tensor:
    return torch.randn(2, 1, *PATCH, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def answers(engine, windows: Tensor) -> list[Tensor]:
    """A pass with units dropped, a plain one, two more; all as probabilities."""
    found = []
    for key in (("a", 0), None, ("a", 1), ("a", 0)):
        if key is None:
            found.append(engine(windows))
        else:
            with engine.perturbed(*key):
                found.append(engine(windows))
    return [logits.softmax(1) for logits in found]


@pytest.mark.parametrize("name", ["folded", pytest.param("openvino", marks=[pytest.mark.openvino, MISSING])])
def test_every_engine_answers_as_the_network_does(name, network, windows):
    expected = answers(TorchEngine(network), windows)
    found = answers(make_engine(name, network, CPU), windows)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, atol=2e-5, rtol=0)
    assert torch.equal(found[0], found[3])
    assert not torch.allclose(found[0], found[2], atol=1e-3)
    assert not torch.allclose(found[0], found[1], atol=1e-3)


def test_folding_leaves_no_normalization_and_the_network_as_it_was(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    folded = fold(network)
    assert not any(isinstance(module, nn.BatchNorm3d) for module in folded.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    inner = folded.get_submodule("network.encoders.1.0.0")
    assert inner.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_a_network_without_such_pairs_is_not_copied():
    network = nn.Sequential(nn.Conv3d(1, 2, 1), nn.InstanceNorm3d(2)).eval()
    assert fold(network) is network


def test_each_name_gives_what_it_says(network):
    assert make_engine("torch", network, CPU).network is network
    for name in ("auto", "folded"):
        assert not any(
            isinstance(module, nn.BatchNorm3d) for module in make_engine(name, network, CPU).network.modules()
        )


@pytest.mark.openvino
@MISSING
def test_the_fastest_is_openvino(network):
    from alcseg.inference.openvino_engine import OpenVinoEngine

    assert isinstance(make_engine("fastest", network, CPU), OpenVinoEngine)
