"""The head of a network goes to oneDNN on a single thread, too, and says the same."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from alcseg.networks import build_network
from alcseg.networks._pointwise import quicken_pointwise


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def image(channels: int) -> torch.Tensor:
    return torch.randn(2, channels, 16, 16, 16).contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("groups", [1, 2])
def test_answers_and_gradients_are_those_of_torch(groups: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv3d(4, 2, 1, groups=groups)
    quick = nn.Conv3d(4, 2, 1, groups=groups)
    quick.load_state_dict(plain.state_dict())
    quicken_pointwise(quick)
    inputs = image(4)
    torch.testing.assert_close(quick(inputs), plain(inputs))
    for each in (quick, plain):
        each(inputs).square().mean().backward()
    torch.testing.assert_close(quick.weight.grad, plain.weight.grad)
    torch.testing.assert_close(quick.bias.grad, plain.bias.grad)


def test_no_convolution_of_a_network_takes_the_slow_way_and_logits_stay_channels_last() -> None:
    network = build_network("vnet", in_channels=1, num_classes=3, filters=4)
    network.to(memory_format=torch.channels_last_3d)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        logits = network(image(1))
        logits.square().mean().backward()
    assert not [event.key for event in seen.key_averages() if "slow_conv3d" in event.key]
    assert logits.is_contiguous(memory_format=torch.channels_last_3d)


def test_other_convolutions_stay_as_they_are() -> None:
    network = quicken_pointwise(nn.Sequential(nn.Conv3d(1, 1, 3), nn.Conv3d(1, 1, 1, stride=2)))
    assert [type(part) for part in network] == [nn.Conv3d, nn.Conv3d]
