"""What every network promises: raw logits of the image's size."""

import pytest
import torch

from alcseg.errors import ConfigError
from alcseg.networks import NETWORKS, build_network
from alcseg.networks.vnet import VNet, count_parameters

PATCH = (17, 16, 19)
SMALLEST = {
    "segresnet": {"filters": 8},  # normalized in groups of 8 channels
    "swin_unetr": {"filters": 12, "recompute": True},  # multiples of 12 alone
    "unetr": {"filters": 2, "patch": PATCH, "hidden_size": 12, "mlp_dim": 16, "num_heads": 3},
}
"""Settings where 2 filters are not possible or not enough."""


def test_vnet_has_the_published_size() -> None:
    # Stated as 9.45 million for one channel, two classes and 16 filters.
    assert count_parameters(VNet(1, 2)) == 9_448_866


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_size_passes_and_logits_come_out(name: str) -> None:
    settings = {"filters": 2} | SMALLEST.get(name, {})
    torch.manual_seed(0)
    network = build_network(name, in_channels=2, num_classes=3, **settings).eval()
    # Where the SwinUNETR is coarsest a single voxel is left of PATCH, which has no variance to normalize by.
    size = (17, 16, 35) if name == "swin_unetr" else PATCH
    image = torch.randn(1, 2, *size)
    with torch.no_grad():
        logits = network(image)
    assert logits.shape == (1, 3, *size)
    assert not torch.allclose(logits.sum(1), torch.ones(1))  # no probabilities


def test_a_size_that_fits_is_not_padded() -> None:
    torch.manual_seed(0)
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2).eval()
    image = torch.randn(1, 1, 16, 32, 16)
    with torch.no_grad():
        assert torch.equal(network(image), network.network(image))


def test_padding_repeats_the_border_at_the_upper_end() -> None:
    torch.manual_seed(0)
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2).eval()
    image = torch.randn(1, 1, 14, 16, 16)
    padded = torch.cat([image, image[:, :, -1:], image[:, :, -1:]], 2)
    with torch.no_grad():
        assert torch.equal(network(image), network.network(padded)[:, :, :14])


def test_an_unknown_network_or_setting_is_named() -> None:
    with pytest.raises(ConfigError, match=r"vnet.*got 'vmet'"):
        build_network("vmet", in_channels=1, num_classes=2)
    with pytest.raises(ConfigError, match=r"'vnet'.*depth"):
        build_network("vnet", in_channels=1, num_classes=2, depth=3)


def test_what_is_trained_has_a_gradient() -> None:
    # DDP waits for the gradient of every trained weight; MONAI builds some that its UNETR never uses.
    torch.manual_seed(0)
    network = build_network("unetr", in_channels=1, num_classes=2, **SMALLEST["unetr"])
    network(torch.randn(1, 1, *PATCH)).square().mean().backward()
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert all(parameter.grad is not None for parameter in trained)


def test_the_published_sizes_of_unetr_and_heads_that_fit() -> None:
    with torch.device("meta"):
        assert round(count_parameters(build_network("unetr", in_channels=1, num_classes=2)) / 1e6) == 93
    with pytest.raises(ConfigError, match=r"num_heads to divide hidden_size, got 5 and 12"):
        build_network("unetr", in_channels=1, num_classes=2, hidden_size=12, num_heads=5)
