"""The parts of the base that methods call."""

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.training_methods import Method
from alcseg.training_methods.alc import ALC
from alcseg.training_methods.base import batch_statistics

Make = Callable[..., Method]


@pytest.mark.parametrize(
    ("done", "fraction", "expected"),
    [
        (0, 1.0, 0.1 * math.exp(-5)),  # 6.7e-4
        (10, 1.0, 0.1 * math.exp(-1.25)),  # half way: -5 * 0.5^2
        (20, 1.0, 0.1),
        (5, 0.5, 0.1 * math.exp(-1.25)),
        (15, 0.5, 0.1),
        (0, 0.0, 0.1),
    ],
)
def test_ramp_follows_its_formula(done: int, fraction: float, expected: float, make_method: Make) -> None:
    method = make_method("alc", steps=20)
    method.done = done
    assert method.ramp(0.1, fraction) == pytest.approx(expected)


def test_learning_rate_decays_polynomially(
    make_method: Make, make_batch: Callable[..., dict[str, Patches]]
) -> None:
    method = make_method("h_sup", steps=4)
    rates = []
    for _ in range(4):
        method.step(make_batch("h_sup"))
        rates.append(method.optimizers[0].param_groups[0]["lr"])
    assert rates == pytest.approx([0.01 * (1 - t / 4) ** 0.9 for t in range(4)])


def test_noise_is_clipped_and_bound_to_step_slot_and_name(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    method, patches = make_method("alc"), make_patches(3)
    draw = method.input_noise(patches, "pass-0", std=0.1, clip=0.2)
    assert draw.abs().max() <= 0.2
    assert 0.07 < float(draw.std()) < 0.12
    assert torch.equal(draw, method.input_noise(patches, "pass-0", std=0.1, clip=0.2))
    # The last two slots, as another process would hold them, get what they get here.
    part = Patches(patches.image[1:], patches.label[1:], patches.case_ids[1:], patches.slots[1:])
    assert torch.equal(draw[1:], method.input_noise(part, "pass-0", std=0.1, clip=0.2))
    assert not torch.equal(draw, method.input_noise(patches, "pass-1", std=0.1, clip=0.2))
    method.done = 1
    assert not torch.equal(draw, method.input_noise(patches, "pass-0", std=0.1, clip=0.2))


def test_batch_statistics_leave_running_buffers_alone(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    teacher = make_method("alc", dropout=0.0).teacher.eval()
    before = {key: value.clone() for key, value in teacher.state_dict().items()}
    passes = [make_patches(2).image + shift for shift in (0.0, 3.0)]
    with batch_statistics(teacher) as network:
        separate = [network(image) for image in passes]
        joint = network(torch.cat(passes))
    after = teacher.state_dict()
    assert all(torch.equal(after[key], before[key]) for key in before)
    assert not teacher.training
    assert teacher.norm.track_running_stats
    for image, logits in zip(passes, separate, strict=True):
        # Each call normalizes by the mean and the (biased) variance of its own voxels and samples.
        features = teacher.body(image)
        mean = features.mean((0, 2, 3, 4), keepdim=True)
        spread = (features - mean).square().mean((0, 2, 3, 4), keepdim=True)
        normalized = (features - mean) / (spread + teacher.norm.eps).sqrt()
        torch.testing.assert_close(logits, teacher.head(normalized.relu()), rtol=1e-4, atol=1e-5)
        assert not logits.requires_grad
    assert not torch.allclose(joint, torch.cat(separate), atol=1e-2)  # two passes are two populations


def test_dropout_is_active_under_batch_statistics(
    make_method: Make, make_patches: Callable[..., Patches]
) -> None:
    teacher, image = make_method("alc", dropout=0.5).teacher.eval(), make_patches(2).image
    with batch_statistics(teacher) as network:
        draws = [network(image) for _ in range(8)]
    assert any(not torch.equal(draw, draws[0]) for draw in draws[1:])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weighting": "inverted"}, "method.weighting: expected one of inverse, exponential, uniform"),
        ({"select_fraction": 1.5}, "method.select_fraction: expected a number, 0 to 1, got 1.5"),
        ({"ema_decay": -0.1}, "method.ema_decay"),
        ({"pases": 2}, "unknown key 'method.pases' for ALC; did you mean 'method.passes'"),
        ({"passes": 2.0}, "method.passes: expected a whole number, at least 1, got 2.0"),
        ({"passes": True}, "method.passes: expected a whole number, at least 1, got True"),
        ({"label_refinement": 1}, "method.label_refinement: expected true or false, got 1"),
        ({"passes": 0}, "method.passes: expected a whole number, at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ALC(**settings)


def test_cross_entropy_of_the_tiny_network_falls(
    make_method: Make, make_batch: Callable[..., dict[str, Patches]]
) -> None:
    method, batch = make_method("h_sup", steps=30, dropout=0.0), make_batch("h_sup")
    first = functional.cross_entropy(method.network(batch["hq"].image), batch["hq"].label)
    for _ in range(30):
        method.step(batch)
    assert functional.cross_entropy(method.network(batch["hq"].image), batch["hq"].label) < first
