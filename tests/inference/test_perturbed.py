from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alcseg.inference.dropout import fixed_dropout
from alcseg.inference.engines import TorchEngine
from alcseg.inference.perturbed import perturbed_log_probabilities
from alcseg.inference.stream_seed import stream_seed
from alcseg.records.correction import Perturbation


class TwiceDropped(nn.Module):
    """One dropout layer used at two widths, as in V-Net, and an element-wise one."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv3d(1, 16, kernel_size=1)
        self.narrow = nn.Conv3d(16, 8, kernel_size=1)
        self.head = nn.Conv3d(8, 2, kernel_size=1)
        self.norm = nn.BatchNorm3d(8)
        self.dropout = nn.Dropout3d(0.5)
        self.elementwise = nn.Dropout(0.1)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(0)
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.norm(self.narrow(self.dropout(self.wide(image))))
        return self.head(self.elementwise(self.dropout(hidden)))


@pytest.fixture
def network() -> nn.Module:
    return TwiceDropped().eval()


def run(network: nn.Module, *arguments: Any, **keywords: Any) -> list[Tensor]:
    return list(perturbed_log_probabilities(TorchEngine(network), *arguments, **keywords))


def ones(batch: int = 1) -> Tensor:
    return torch.ones(batch, 1, 4, 4, 4)


def test_masks_are_equal_over_calls_and_batch_members(network: nn.Module) -> None:
    with torch.no_grad(), fixed_dropout(network, 0, "a", 0):
        first, second, several = network(ones()), network(ones()), network(ones(3))
    assert torch.equal(first, second)
    for member in several:
        assert torch.allclose(member, first[0], atol=1e-6)


def test_masks_drop_and_differ_between_passes_and_cases(network: nn.Module) -> None:
    answers = []
    with torch.no_grad():
        plain = network(ones())
        for key in ((0, "a", 0), (0, "a", 1), (0, "b", 0), (1, "a", 0)):
            with fixed_dropout(network, *key):
                answers.append(network(ones()))
        for index, answer in enumerate(answers):
            assert not torch.allclose(answer, plain)
            assert not any(torch.allclose(answer, other) for other in answers[:index])
        assert torch.equal(network(ones()), plain), "the hooks are gone after the block"
    assert not network.training


def test_channel_masks_keep_the_share_and_the_scale() -> None:
    layer = nn.Sequential(nn.Dropout3d(0.25)).eval()
    with fixed_dropout(layer, 5):
        out = layer(torch.ones(1, 4000, 1, 1, 1))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert float((out > 0).float().mean()) == pytest.approx(0.75, abs=0.03)


def test_running_statistics_stay(network: nn.Module) -> None:
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    run(network, torch.rand(1, 6, 6, 6), "a", Perturbation(passes=2), patch=(4, 4, 4))
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, before[name])


def test_windows_of_one_pass_see_one_draw(network: nn.Module) -> None:
    # The network is pointwise: with one draw per pass, windows that overlap give what a single window over
    # all gives.
    for module in (network.elementwise,):
        module.p = 0.0
    image = torch.randn(1, 10, 8, 8, generator=torch.Generator().manual_seed(3))
    passes = Perturbation(passes=2, seed=9)
    parts = run(network, image, "a", passes, patch=(4, 4, 4))
    whole = run(network, image, "a", passes, patch=(10, 8, 8))
    assert len(parts) == len(whole) == 2
    for part, single in zip(parts, whole, strict=True):
        assert torch.allclose(part.exp(), single.exp(), atol=1e-5)


def test_seed_case_and_pass_fix_everything(network: nn.Module) -> None:
    image = torch.zeros(1, 4, 4, 4)

    def passes(case_id: str, seed: int) -> list[Tensor]:
        return run(network, image, case_id, Perturbation(passes=3, seed=seed), patch=(4, 4, 4))

    for mine, again in zip(passes("a", 1), passes("a", 1), strict=True):
        assert torch.equal(mine, again)
    assert torch.equal(passes("a", 1)[1], passes("a", 1)[:2][1])
    assert not torch.equal(passes("a", 1)[0], passes("a", 1)[1])
    assert not torch.equal(passes("a", 1)[0], passes("b", 1)[0])
    assert not torch.equal(passes("a", 1)[0], passes("a", 2)[0])


def test_a_mask_is_drawn_from_the_key_the_layer_and_the_number_of_its_call() -> None:
    layer = nn.Dropout3d(0.5)
    network = nn.Sequential(layer, layer).eval()

    def drawn(number: int) -> Tensor:
        generator = torch.Generator().manual_seed(stream_seed(5, "a", "0", number))
        return (torch.rand((1, 64, 1, 1, 1), generator=generator) < 0.5).float() / 0.5

    with fixed_dropout(network, 5, "a"):
        for _ in range(2):  # each pass begins to count anew
            assert torch.equal(network(torch.ones(1, 64, 1, 1, 1)), drawn(1) * drawn(2))


def test_layers_that_drop_nothing_are_left_alone() -> None:
    network = nn.Sequential(nn.Dropout3d(0.0), nn.Dropout(1.0)).eval()
    with fixed_dropout(network, 0):
        assert torch.equal(network(ones()), torch.zeros_like(ones()))  # and no 0 / 0 where all is dropped
        assert torch.equal(network[0](ones()), ones())


def test_noise_is_clipped_and_without_it_nothing_moves() -> None:
    network = nn.Conv3d(1, 2, kernel_size=1).eval()
    image = torch.zeros(1, 4, 4, 4)
    seen = []
    network.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    for noise_std in (5, 0):
        passes = Perturbation(passes=1, noise_std=noise_std, noise_clip=0.2)
        run(network, image, "a", passes, patch=(4, 4, 4))
    assert float(seen[0].min()) == pytest.approx(-0.2)
    assert float(seen[0].max()) == pytest.approx(0.2)
    assert torch.equal(seen[1][0], image)


def test_log_probabilities_stay_finite_where_a_class_has_none() -> None:
    def sure(windows: Tensor) -> Tensor:
        return torch.cat([windows + 500, windows], dim=1)

    class Sure(nn.Module):
        forward = staticmethod(sure)

    (only,) = run(Sure(), torch.zeros(1, 4, 4, 4), "a", Perturbation(passes=1), patch=(4, 4, 4))
    assert torch.isfinite(only).all()


def test_stream_seeds_depend_on_every_part() -> None:
    assert (
        len({stream_seed(0, "a", 1), stream_seed(0, "a", 2), stream_seed(0, "b", 1), stream_seed(1, "a", 1)})
        == 4
    )
    assert stream_seed(0, "a", 1) == stream_seed(0, "a", 1)
    assert 2**62 < max(stream_seed(number) for number in range(20)) < 2**63
