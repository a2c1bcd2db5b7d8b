"""Batch normalization measured in rows: right for large volumes, and torch's own but for rounding."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alcseg.networks import build_network
from alcseg.networks._batch_norm import measure_large_batches

SHAPE = (2, 3, 32, 32, 16)  # 2^15 voxels a channel


def features(shape: tuple[int, ...] = SHAPE) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(shape, generator=generator) * 2 + 3
    return drawn.contiguous(memory_format=torch.channels_last_3d)


def measured(norm: nn.BatchNorm3d) -> nn.BatchNorm3d:
    return measure_large_batches(nn.Sequential(copy.deepcopy(norm)))[0]


def test_the_variance_of_a_million_voxels_is_right() -> None:
    # Torch 2.13 alone is off by 5e-4 on one thread.
    norm, batch = measured(nn.BatchNorm3d(2, momentum=1.0)), features((1, 2, 128, 128, 64))
    norm(batch)
    values = batch.double()
    torch.testing.assert_close(norm.running_mean.double(), values.mean((0, 2, 3, 4)), rtol=1e-6, atol=0)
    torch.testing.assert_close(norm.running_var.double(), values.var((0, 2, 3, 4)), rtol=1e-5, atol=0)


@pytest.mark.parametrize("memory_format", [torch.channels_last_3d, torch.contiguous_format])
@pytest.mark.parametrize("tracking", [True, False])
def test_answers_gradients_and_running_statistics_are_those_of_torch(
    memory_format: torch.memory_format, *, tracking: bool
) -> None:
    plain = nn.BatchNorm3d(3)
    nn.init.uniform_(plain.weight, 0.5, 1.5)
    nn.init.uniform_(plain.bias)
    quick, exact = measured(plain), copy.deepcopy(plain).double()
    found = []
    for norm in (quick, exact):
        norm.track_running_stats = tracking
        batch = features().to(norm.weight.dtype).contiguous(memory_format=memory_format).requires_grad_()
        answer = norm(batch)
        assert answer.is_contiguous(memory_format=memory_format)
        (answer**3).mean().backward()
        found.append(
            [answer, batch.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var]
        )
        assert norm.num_batches_tracked == int(tracking)
    for own, right in zip(*found, strict=True):
        torch.testing.assert_close(own.double(), right, rtol=1e-4, atol=1e-6)


def test_a_network_in_bfloat16_has_statistics_in_float32() -> None:
    norm, batch = measured(nn.BatchNorm3d(3, momentum=1.0)), features().bfloat16()
    answer = norm(batch)
    assert answer.dtype == torch.bfloat16
    torch.testing.assert_close(norm.running_var.double(), batch.double().var((0, 2, 3, 4)), rtol=1e-5, atol=0)


def test_normalizations_of_a_network_measure_in_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network("vnet", in_channels=1, num_classes=2, filters=4)
    network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    rows: list[Tensor] = []
    measure = torch.batch_norm_update_stats

    def note(*given: Any) -> Any:
        rows.append(given[0])
        return measure(*given)

    monkeypatch.setattr(torch, "batch_norm_update_stats", note)
    network(features((2, 1, 32, 32, 16)))
    # At full resolution: one level down, one up and its up-sampling; the next has an eighth of the voxels.
    assert [row.shape[1] // 64 for row in rows] == [4, 4, 4]
    network.eval()
    network(features((2, 1, 32, 32, 16)))
    assert len(rows) == 3
