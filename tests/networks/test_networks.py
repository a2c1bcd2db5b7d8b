"""What every network promises: raw logits of the image's size."""

from typing import Any

import pytest
import torch

from alcseg.errors import ConfigError
from alcseg.networks import NETWORKS, build_network, has_flat_levels, not_finite
from alcseg.networks.vnet import VNet
from alcseg.testing.networks import PATCH, NetworkContract

SMALLEST = {
    "segresnet": {"filters": 8},  # normalized in groups of 8 channels
    "swin_unetr": {"filters": 12, "recompute": True},  # multiples of 12 alone
    "unetr": {"filters": 2, "patch": PATCH, "hidden_size": 12, "mlp_dim": 16, "num_heads": 3},
}
"""Settings where 2 filters are not possible or not enough."""


def test_vnet_has_the_published_size() -> None:
    # Stated as 9.45 million for one channel, two classes and 16 filters.
    assert sum(weight.numel() for weight in VNet(1, 2).parameters()) == 9_448_866


@pytest.mark.parametrize(
    ("name", "flat"), [("vnet", True), ("dynunet", True), ("unet", False), ("unetr", False)]
)
def test_an_axis_of_thick_voxels_is_left_alone_in_the_first_levels(name: str, flat: bool) -> None:
    assert has_flat_levels(name) == flat
    settings = {"filters": 2} | SMALLEST.get(name, {})
    network = build_network(name, in_channels=1, num_classes=3, flat_levels=(0, 2, 4), **settings)
    assert network.strides == ((16, 4, 1) if flat else (16, 16, 16))
    if flat:
        kernels = [m.kernel_size for m in network.modules() if isinstance(m, torch.nn.Conv3d)]
        assert kernels[0] == (3, 1, 1)
        assert (3, 3, 3) in kernels  # of the deepest level
        assert network(torch.randn(2, 1, 32, 10, 5)).shape == (2, 3, 32, 10, 5)


@pytest.mark.parametrize("name", ["vnet", "dynunet"])
def test_without_flat_levels_the_network_is_the_published_one(name: str) -> None:
    plain, none = (
        build_network(name, in_channels=1, num_classes=2, filters=2, **planned)
        for planned in ({}, {"flat_levels": (0, 0, 0)})
    )
    assert [value.shape for value in plain.state_dict().values()] == [
        value.shape for value in none.state_dict().values()
    ]
    assert {m.kernel_size for m in none.modules() if isinstance(m, torch.nn.Conv3d)} <= {
        (side,) * 3 for side in (1, 2, 3)
    }


class TestBuiltIn(NetworkContract):
    @pytest.fixture(params=NETWORKS.builtin)
    def network(self, request: pytest.FixtureRequest) -> str:
        return request.param

    @pytest.fixture
    def settings(self, network: str) -> dict[str, Any]:
        return {"filters": 2} | SMALLEST.get(network, {})

    @pytest.fixture
    def patch(self, network: str) -> tuple[int, int, int]:
        # Of PATCH a single voxel is left where the SwinUNETR is coarsest: no variance to normalize by.
        return (17, 16, 35) if network == "swin_unetr" else PATCH


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
    with pytest.raises(
        ConfigError, match=r"network: expected one of .*vnet, got 'vmet'\. Did you mean 'vnet'\?"
    ):
        build_network("vmet", in_channels=1, num_classes=2)
    with pytest.raises(ConfigError, match=r"'vnet'.*depth"):
        build_network("vnet", in_channels=1, num_classes=2, depth=3)


def test_the_published_sizes_of_unetr_and_heads_that_fit() -> None:
    with torch.device("meta"):
        network = build_network("unetr", in_channels=1, num_classes=2)
        trained = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
        assert round(trained / 1e6) == 93
    with pytest.raises(ConfigError, match=r"num_heads to divide hidden_size, got 5 and 12"):
        build_network("unetr", in_channels=1, num_classes=2, hidden_size=12, num_heads=5)


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("segresnet", {"filters": 4}, "filters: expected a whole number, 8 to 1024, a multiple of 8, got 4"),
        (
            "swin_unetr",
            {"filters": 16},
            "filters: expected a whole number, 12 to 1020, a multiple of 12, got 16",
        ),
        ("swin_unetr", {"recompute": 1}, "recompute: expected true or false, got 1"),
        ("unet", {"dropout": 1.0}, "dropout: expected a number, at least 0 and below 1, got 1.0"),
        ("vnet", {"filters": 0}, "filters: expected a whole number, 1 to 1024, got 0"),
    ],
)
def test_a_value_that_a_network_cannot_take_is_named(
    name: str, setting: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=f"network '{name}', {message}"):
        build_network(name, in_channels=1, num_classes=2, **setting)


def test_a_weight_that_is_not_finite_is_named() -> None:
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2)
    assert not not_finite(network)
    network.get_buffer("network.downs.1.1.running_var")[0] = torch.inf
    assert not_finite(network) == "network.downs.1.1.running_var"
