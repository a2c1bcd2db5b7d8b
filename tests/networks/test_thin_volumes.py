"""Gradients in bfloat16 on volumes of two planes, with memory that holds nan where nothing was written."""

import pytest
import torch
from torch import nn

from alcseg.networks import build_network
from alcseg.networks._thin_volumes import avoid_thin_volumes


def gradient(network: nn.Module, image: torch.Tensor, *, bf16: bool) -> torch.Tensor:
    network.zero_grad()
    spoiled = [torch.full((1 << power,), float("nan")) for power in range(10, 22, 2)]
    del spoiled
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        answer = network(image)
    answer.float().square().mean().backward()
    return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


@pytest.mark.parametrize("kernel", [(3, 3, 3), (3, 3, 1)])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_convolution_has_the_gradient_of_float32(depth: int, kernel: tuple[int, int, int]) -> None:
    for trial in range(5):
        torch.manual_seed(trial)
        padding = tuple(side // 2 for side in kernel)
        network = avoid_thin_volumes(nn.Sequential(nn.Conv3d(16, 16, kernel, padding=padding)))
        image = torch.randn(2, 16, depth, 4, 4).contiguous(memory_format=torch.channels_last_3d)
        expected = gradient(network, image, bf16=False)
        found = gradient(network, image, bf16=True)
        assert torch.allclose(found, expected, atol=0.02 * float(expected.abs().max()))


def test_networks_by_name_take_the_detour_and_keep_their_weights() -> None:
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2)
    plain = [module for module in network.modules() if type(module) is nn.Conv3d]
    assert not plain
    assert all(isinstance(value, torch.Tensor) for value in network.state_dict().values())
    image = torch.randn(1, 1, 32, 16, 16)
    assert torch.isfinite(gradient(network, image, bf16=True)).all()
