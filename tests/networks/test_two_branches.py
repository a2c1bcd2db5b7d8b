"""One trunk, two branches: what is shared, who sees what, and that the parts make up the whole."""

import pytest
import torch
from torch import nn

from alcseg.errors import ConfigError
from alcseg.networks import build_network
from alcseg.networks.two_branches import TwoBranches
from alcseg.networks.vnet import VNet

PLACES = ["bottleneck", "first_up", "head"]


def build() -> nn.Module:
    return build_network("vnet", in_channels=1, num_classes=3, filters=2, dropout=0.0)


@pytest.mark.parametrize("at", PLACES)
def test_trunk_and_branch_are_the_network(at: str) -> None:
    torch.manual_seed(0)
    network = VNet(1, 2, filters=2)
    image = torch.randn(2, 1, 32, 16, 16)
    trunk, branch = network.split(at)
    torch.manual_seed(1)
    expected = network(image)
    torch.manual_seed(1)  # the dropout of both passes
    assert torch.equal(branch(*trunk(image)), expected)
    parts = {id(parameter) for part in (trunk, branch) for parameter in part.parameters()}
    assert parts == {id(parameter) for parameter in network.parameters()}


@pytest.mark.parametrize(
    ("at", "trunk_size", "branch_size"),
    # The first up-sampling has 256 * 128 * 8 + 3 * 128 = 262,528 weights; the last level's convolution
    # 16 * 16 * 27 + 3 * 16 = 6,960, the output 16 * 2 + 2 = 34.
    [
        ("bottleneck", 7_376_896, 2_071_970),
        ("first_up", 7_639_424, 1_809_442),
        ("head", 9_441_872, 6_994),
    ],
)
def test_parts_have_the_expected_size(at: str, trunk_size: int, branch_size: int) -> None:
    trunk, branch = VNet(1, 2).split(at)
    assert sum(weight.numel() for weight in trunk.parameters()) == trunk_size
    assert sum(weight.numel() for weight in branch.parameters()) == branch_size


@pytest.mark.parametrize("at", PLACES)
def test_branches_share_no_weight_and_begin_apart(at: str) -> None:
    torch.manual_seed(0)
    network = TwoBranches(build, at)
    ids = [
        {id(tensor) for tensor in part.parameters()} for part in (network.trunk, network.upper, network.lower)
    ]
    assert sum(map(len, ids)) == len(set.union(*ids)) == len(list(network.parameters()))
    upper, lower = network.upper.state_dict(), network.lower.state_dict()
    assert upper.keys() == lower.keys()
    assert not torch.equal(upper["head.weight"], lower["head.weight"])


@pytest.mark.parametrize("at", PLACES)
def test_each_branch_answers_for_the_images_it_sees(at: str) -> None:
    torch.manual_seed(0)
    images = [torch.randn(count, 1, 17, 16, 14) for count in (2, 1, 3)]
    network = TwoBranches(build, at, upper_on=range(1, 3), lower_on=range(2)).eval()
    upper, lower = network.path("upper").eval(), network.path("lower").eval()
    with torch.no_grad():
        outputs = network(*images)
        expected = [upper(images[1]), upper(images[2]), lower(images[0]), lower(images[1])]
    for output, alone in zip(outputs, expected, strict=True):
        assert output.shape == alone.shape
        torch.testing.assert_close(output, alone, rtol=1e-4, atol=1e-5)


def test_a_path_is_the_network_it_came_from_padding_included() -> None:
    torch.manual_seed(0)
    networks = [build(), build()]
    path = TwoBranches(iter(networks).__next__, "first_up").path("upper").eval()
    image = torch.randn(1, 1, 18, 16, 15)
    with torch.no_grad():
        assert torch.equal(path(image), networks[0].eval()(image))


def test_a_path_keeps_trunk_and_branch_and_shares_them() -> None:
    torch.manual_seed(0)
    network, other = TwoBranches(build, "bottleneck").eval(), TwoBranches(build, "bottleneck").eval()
    other.path("lower").load_state_dict(network.path("lower").state_dict())
    image = torch.randn(1, 1, 16, 16, 32)
    with torch.no_grad():
        assert torch.equal(network.path("lower")(image), other.path("lower")(image))
        assert not torch.equal(network.path("upper")(image), other.path("upper")(image))


def test_the_trunk_normalizes_all_images_together_and_a_branch_its_own() -> None:
    torch.manual_seed(0)
    network = TwoBranches(build, "bottleneck")
    seen: dict[str, int] = {}
    for name, part in (("trunk", network.trunk), ("upper", network.upper), ("lower", network.lower)):
        norm = next(module for module in part.modules() if isinstance(module, nn.BatchNorm3d))
        norm.register_forward_hook(lambda _, inputs, __, name=name: seen.update({name: len(inputs[0])}))
    network(torch.randn(2, 1, 32, 16, 16), torch.randn(3, 1, 32, 16, 16))
    assert seen == {"trunk": 5, "upper": 2, "lower": 3}


def test_a_network_that_cannot_be_split_is_named() -> None:
    with pytest.raises(ConfigError, match="expected vnet, got UNet"):
        TwoBranches(lambda: build_network("unet", in_channels=1, num_classes=2, filters=2), "bottleneck")
