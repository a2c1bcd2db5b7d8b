"""What every network promises; a test class names the network by a fixture `network`."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn

from alcseg.errors import ConfigError
from alcseg.networks import build_network

__all__ = ["NetworkContract"]

PATCH = (17, 16, 19)


class NetworkContract:
    """Raw logits of the size of the image, whatever that is, the same again in evaluation.

    Fixtures:
        network: Its name.
        settings: What makes it small; by default two filters.
        patch: Side lengths of an image that it has to take, which no stride need divide.
    """

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"filters": 2}

    @pytest.fixture
    def patch(self) -> tuple[int, int, int]:
        return PATCH

    @pytest.fixture
    def build(self, network: str, settings: dict[str, Any]) -> nn.Module:
        torch.manual_seed(0)
        return build_network(network, in_channels=2, num_classes=3, **settings)

    def test_every_size_passes_and_logits_come_out(
        self, build: nn.Module, patch: tuple[int, int, int]
    ) -> None:
        image = torch.randn(1, 2, *patch)
        build.eval()
        with torch.no_grad():
            logits, again = build(image), build(image)
        assert logits.shape == (1, 3, *patch)
        assert torch.isfinite(logits).all()
        assert not torch.allclose(logits.sum(1), torch.ones(1))  # no probabilities
        assert torch.equal(logits, again)

    def test_what_is_trained_has_a_gradient(self, build: nn.Module, patch: tuple[int, int, int]) -> None:
        # DDP waits for the gradient of every trained weight.
        build(torch.randn(2, 2, *patch)).square().mean().backward()
        trained = [parameter for parameter in build.parameters() if parameter.requires_grad]
        assert trained
        assert all(parameter.grad is not None for parameter in trained)

    def test_weights_go_into_another_of_its_kind(
        self, build: nn.Module, network: str, settings: dict[str, Any], patch: tuple[int, int, int]
    ) -> None:
        other = build_network(network, in_channels=2, num_classes=3, **settings)
        other.load_state_dict(build.state_dict())
        image = torch.randn(1, 2, *patch)
        with torch.no_grad():
            assert torch.equal(build.eval()(image), other.eval()(image))

    def test_equal_seeds_build_equal_weights(
        self, build: nn.Module, network: str, settings: dict[str, Any]
    ) -> None:
        torch.manual_seed(0)
        again = build_network(network, in_channels=2, num_classes=3, **settings)
        for key, value in build.state_dict().items():
            assert torch.equal(value, again.state_dict()[key]), key

    def test_each_weight_is_listed_once(self, build: nn.Module) -> None:
        # Averages and optimizers go through this list.
        tensors = [value for value in build.state_dict().values() if value.numel()]
        assert len({value.data_ptr() for value in tensors}) == len(tensors)

    def test_weights_are_written_and_read(
        self, build: nn.Module, network: str, settings: dict[str, Any], tmp_path: Path
    ) -> None:
        torch.manual_seed(1)
        other = build_network(network, in_channels=2, num_classes=3, **settings)
        safetensors.torch.save_model(build, str(tmp_path / "model.safetensors"))
        safetensors.torch.load_model(other, tmp_path / "model.safetensors")
        for key, value in build.state_dict().items():
            assert torch.equal(value, other.state_dict()[key]), key

    def test_a_setting_it_does_not_know_is_refused(self, network: str, settings: dict[str, Any]) -> None:
        with pytest.raises(ConfigError, match=f"unknown key .*no_such_setting' for network '{network}'"):
            build_network(network, in_channels=2, num_classes=3, **settings, no_such_setting=1)
