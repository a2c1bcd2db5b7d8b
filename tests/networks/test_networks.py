"""What every network promises: raw logits of the image's size."""

import pytest
import torch

from alcseg.errors import ConfigError, ResourceError
from alcseg.networks import NETWORKS, build_network
from alcseg.networks.vnet import VNet, count_parameters

SMALLEST = {"swin_unetr": {"filters": 12}, "unetr": {"filters": 2, "patch": (17, 16, 19)}}
"""Settings where 2 filters are not possible or not enough; the SwinUNETR wants multiples of 12."""

# The transformers hold tens of millions of weights whatever their filters.
SLOW = {"swin_unetr", "unetr"}


def test_vnet_has_the_published_size() -> None:
    # Stated as 9.45 million for one channel, two classes and 16 filters.
    assert count_parameters(VNet(1, 2)) == 9_448_866


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in sorted(NETWORKS)]
)
def test_every_size_passes_and_logits_come_out(name: str) -> None:
    if name in SLOW:
        pytest.importorskip("einops", reason="the transformers of MONAI need einops")
    settings = {"filters": 2} | SMALLEST.get(name, {})
    if name == "segresnet":
        settings["filters"] = 8  # normalized in groups of 8 channels
    torch.manual_seed(0)
    network = build_network(name, in_channels=2, num_classes=3, **settings).eval()
    image = torch.randn(1, 2, 17, 16, 19)
    with torch.no_grad():
        logits = network(image)
    assert logits.shape == (1, 3, 17, 16, 19)
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


@pytest.mark.parametrize("name", ["swin_unetr", "unetr"])
def test_a_missing_package_is_named_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda package: None)
    with pytest.raises(ResourceError, match="pip install einops"):
        build_network(name, in_channels=1, num_classes=2)
