"""Features are what the head reads, before dropout, of the image's size."""

import pytest
import torch
from torch import Tensor, nn

from alcseg.networks import build_network
from alcseg.networks.features import WithFeatures


@pytest.mark.parametrize(
    ("name", "settings", "channels"),
    [
        ("vnet", {"filters": 2}, 2),
        ("unet", {"filters": 2}, 3),
        ("segresnet", {"filters": 8}, 8),
        ("dynunet", {"filters": 2}, 2),
    ],
)
def test_features_have_the_size_of_the_image(name: str, settings: dict[str, int], channels: int) -> None:
    torch.manual_seed(0)
    network = build_network(name, in_channels=1, num_classes=3, dropout=0.2, **settings)
    keys, image = list(network.state_dict()), torch.randn(2, 1, 17, 16, 19)
    network.eval()
    with torch.no_grad():
        logits, features = WithFeatures(network)(image)
        assert torch.equal(logits, network(image))
    assert features.shape == (2, channels, 17, 16, 19)
    assert list(network.state_dict()) == keys
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_the_v_nets_features_come_before_its_last_dropout() -> None:
    torch.manual_seed(0)
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2).train()
    network.network.dropout.p = 1.0
    logits, features = WithFeatures(network)(torch.randn(2, 1, 16, 16, 18))
    # All channels are dropped, so the head adds its bias, 0, to nothing; the features are untouched.
    assert torch.equal(logits, torch.zeros_like(logits))
    assert (features >= 0).all()
    assert features.mean() > 0.01


def test_the_head_of_the_features_gives_the_logits() -> None:
    torch.manual_seed(0)
    network = build_network("vnet", in_channels=1, num_classes=2, filters=2).eval()
    with torch.no_grad():
        logits, features = WithFeatures(network)(torch.randn(2, 1, 16, 16, 18))
        torch.testing.assert_close(network.network.head(features), logits)


def test_hooks_are_gone_after_an_error() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Conv3d(1, 2, kernel_size=1)

        def forward(self, image: Tensor) -> Tensor:
            raise RuntimeError("broken")

    network = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        WithFeatures(network)(torch.zeros(1, 1, 2, 2, 2))
    assert not network.head._forward_pre_hooks
