"""Two views, three signals: each term against numpy, masks, mixing, optimizers and both shapes of views."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from alcseg.data.sampling import Patches
from alcseg.errors import ConfigError
from alcseg.training_methods import Method, Task
from alcseg.training_methods.mixsegnet import MixSegNet, mixed_label

MakeBatch = Callable[..., dict[str, Patches]]
MakePatches = Callable[..., Patches]

SMALL = {"second_filters": 2, "hidden_size": 12, "mlp_dim": 16, "num_heads": 3}


class Pointwise(nn.Module):
    """No norm, no dropout: each patch by itself."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body = nn.Conv3d(1, 3, kernel_size=3, padding=1)
        self.head = nn.Conv3d(3, classes, kernel_size=1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(image).relu())


def make(*, classes: int = 2, steps: int = 20, **settings: Any) -> MixSegNet:
    """The method with two small convolutional views, ready to step."""
    task = Task(
        build_network=lambda: Pointwise(classes),
        num_classes=classes,
        steps=steps,
        seed=3,
        patch=(8, 8, 8),
    )
    method = MixSegNet(**{"second_view": "same"} | settings)
    method.prepare(task).train()
    method.optimizers = method.configure_optimizers()
    method.step = lambda batch: method.take_step(batch, method.optimizers)
    return method


def apart(method: MixSegNet) -> MixSegNet:
    """Move the teachers away from their students, as after some steps."""
    generator = torch.Generator().manual_seed(1)
    for teacher in (method.teacher_a, method.teacher_b):
        for parameter in teacher.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return method


@pytest.fixture
def batch(make_patches: MakePatches) -> dict[str, Patches]:
    return {"hq": make_patches(2, classes=3), "lq": make_patches(3, classes=3)}


def softmax(network: nn.Module, image: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        logits = network(image).double().numpy()
    exp = np.exp(logits - logits.max(1, keepdims=True))
    return exp / exp.sum(1, keepdims=True)


def numpy_dice(probs: np.ndarray, label: np.ndarray, counts: np.ndarray | None = None) -> float:
    """1 minus the mean over classes of 2 sum(p y) / (sum p^2 + sum y^2), sums over voxels that count."""
    counts = np.ones_like(label, bool) if counts is None else counts
    scores = []
    for value in range(probs.shape[1]):
        own, mask = probs[:, value][counts], (label[counts] == value).astype(float)
        scores.append((2 * (own * mask).sum() + 1e-5) / ((own**2).sum() + mask.sum() + 1e-5))
    return 1 - float(np.mean(scores))


def numpy_ce(probs: np.ndarray, label: np.ndarray, mask: np.ndarray) -> float:
    chosen = np.take_along_axis(probs, label[:, None], 1)[:, 0]
    return float(-np.log(chosen[mask]).mean())


@pytest.mark.parametrize("weak_mask", ["agree", "all"])
def test_terms_are_those_of_the_docstring(weak_mask: str, batch: dict[str, Patches]) -> None:
    method = apart(make(classes=3, weak_mask=weak_mask))
    method.done = 7
    hq, lq = batch["hq"], batch["lq"]
    image = torch.cat([hq.image, lq.image])
    noise = torch.cat(
        [method.input_noise(batch[name], f"teachers-{name}", std=0.1, clip=0.2) for name in ("hq", "lq")]
    )
    assert 0 < noise.abs().max() <= 0.2
    students = [softmax(net, image) for net in (method.student_a, method.student_b)]
    teachers = [softmax(net, image + noise) for net in (method.teacher_a, method.teacher_b)]
    share = method._share_of_a()
    assert 0 < share < 1
    pseudo = (share * students[0] + (1 - share) * students[1])[2:].argmax(1)
    given = lq.label.numpy()
    counts = pseudo == given if weak_mask == "agree" else np.ones_like(given, bool)
    assert 0 < (pseudo == given).mean() < 1
    everywhere = np.ones_like(hq.label.numpy(), bool)
    expected = {
        "dense": sum(
            0.5 * numpy_ce(p[:2], hq.label.numpy(), everywhere) + 0.5 * numpy_dice(p[:2], hq.label.numpy())
            for p in students
        ),
        "weak": sum(numpy_ce(p[2:], given, counts) for p in students),
        "pls": sum(numpy_dice(p[2:], pseudo) for p in students),
        "ens": sum(((p - t) ** 2).mean() for p in students for t in teachers),
    }
    terms = method.training_terms(batch)
    assert list(terms) == list(expected)
    for name, value in expected.items():
        assert terms[name].item() == pytest.approx(value, rel=1e-4), name
    assert method.noted["agreed"].item() == pytest.approx((pseudo == given).mean())


def test_without_knowledge_of_quality_all_labels_are_alike(make_patches: MakePatches) -> None:
    union = {"union": make_patches(4, classes=3)}
    method = apart(make(classes=3, quality_aware=False, steps=10, ramp_fraction=0.4))
    assert method.streams == ("union",)
    label = union["union"].label.numpy()
    probs = [softmax(net, union["union"].image) for net in (method.student_a, method.student_b)]
    for step in (4, 5):  # the ramp's last step, and the first after it
        method.done = step
        share = method._share_of_a()
        counts = (share * probs[0] + (1 - share) * probs[1]).argmax(1) == label
        counts |= step == 4
        assert counts.all() == (step == 4)
        terms = method.training_terms(union)
        assert set(terms) == {"dense", "pls", "ens"}
        expected = sum(0.5 * numpy_ce(p, label, counts) + 0.5 * numpy_dice(p, label, counts) for p in probs)
        assert terms["dense"].item() == pytest.approx(expected, rel=1e-4)
        assert method.term_weights()["dense"] == 0.5


def test_the_pseudo_label_is_a_at_one_and_b_at_zero_and_has_no_gradient() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(2, 3, 2, 2, 2, generator=generator, requires_grad=True).softmax(1) for _ in range(2))
    assert torch.equal(mixed_label(a, b, 1.0), a.argmax(1))
    assert torch.equal(mixed_label(a, b, 0.0), b.argmax(1))
    assert not mixed_label(a, b, 0.5).requires_grad


def test_an_lq_label_that_no_voxel_confirms_adds_nothing(batch: dict[str, Patches]) -> None:
    method = make(classes=3)
    image = torch.cat([batch["hq"].image, batch["lq"].image])
    probs = [student(image).softmax(1) for student in (method.student_a, method.student_b)]
    batch["lq"].label = (mixed_label(*probs, method._share_of_a())[2:] + 1) % 3
    weak = method.training_terms(batch)["weak"]
    weak.backward()
    assert weak == 0
    assert not any(parameter.grad.any() for parameter in method.student_a.parameters())


def test_equal_views_and_teachers_without_noise_agree(batch: dict[str, Patches]) -> None:
    method = make(classes=3, noise_std=0.0)
    method.student_b.load_state_dict(method.student_a.state_dict())
    method.teacher_b.load_state_dict(method.student_a.state_dict())
    assert method.training_terms(batch)["ens"] < 1e-12


def test_without_the_other_signals_view_a_is_h_sup(
    batch: dict[str, Patches], make_method: Callable[..., Method]
) -> None:
    method = make(classes=3, weak_weight=0.0, pls_weight=0.0, ens_weight=0.0)
    h_sup = make_method("h_sup", classes=3)
    h_sup.network = Pointwise(3)
    h_sup.network.load_state_dict(method.student_a.state_dict())
    h_sup.optimizers = h_sup.configure_optimizers()
    for _ in range(3):
        method.step(batch)
        h_sup.step({"hq": batch["hq"]})
    for own, theirs in zip(method.student_a.parameters(), h_sup.network.parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)


def test_one_mixture_is_drawn_per_step_and_covers_the_range() -> None:
    method, other = make(), make()
    shares = []
    for step in range(200):
        method.done = other.done = step
        torch.rand(1)
        shares.append(method._share_of_a())
        assert other._share_of_a() == shares[-1]
    assert np.histogram(shares, bins=4, range=(0, 1))[0].min() > 30


@pytest.mark.parametrize(("weak_mask", "weak"), [("agree", 0.5 * math.exp(-5 * 0.25)), ("all", 0.5)])
def test_weights_rise_over_the_ramp(weak_mask: str, weak: float) -> None:
    method = make(weak_mask=weak_mask, steps=20)
    method.done = 4  # half of the ramp of 8 steps
    ramp = math.exp(-5 * 0.25)
    expected = {"dense": 1.0, "weak": weak, "pls": 0.5 * ramp, "ens": ramp}
    assert method.term_weights() == pytest.approx(expected)
    method.done = 8
    assert method.term_weights() == pytest.approx({"dense": 1.0, "weak": 0.5, "pls": 0.5, "ens": 1.0})


def test_b_has_an_optimizer_of_its_own_and_a_bounded_gradient(batch: dict[str, Patches]) -> None:
    method = make(classes=3, clip_norm=1e-3)
    sgd, adamw = method.optimizers
    assert isinstance(sgd, torch.optim.SGD)
    assert isinstance(adamw, torch.optim.AdamW)
    assert [group["weight_decay"] for group in adamw.param_groups] == [1e-5, 0.0]
    assert all(parameter.ndim > 1 for parameter in adamw.param_groups[0]["params"])
    assert all(parameter.ndim == 1 for parameter in adamw.param_groups[1]["params"])
    method.step(batch)
    norms = [
        torch.stack([parameter.grad.norm() for parameter in student.parameters()]).norm()
        for student in (method.student_a, method.student_b)
    ]
    assert norms[0] > 1e-2
    torch.testing.assert_close(norms[1], torch.tensor(1e-3), rtol=1e-3, atol=0)
    assert all(parameter.grad is None for parameter in method.teacher_b.parameters())
    both = make(second_optimizer="sgd").optimizers
    assert [type(one) for one in both] == [torch.optim.SGD] * 2


def test_both_teachers_are_averages(batch: dict[str, Patches]) -> None:
    method = make(classes=3, ema_decay=0.99)
    students = []
    for _ in range(3):
        method.step(batch)
        students.append([parameter.detach().clone() for parameter in method.student_b.parameters()])
    for own, values in zip(method.teacher_b.parameters(), zip(*students, strict=True), strict=True):
        torch.testing.assert_close(own, torch.stack(values).mean(0), rtol=1e-5, atol=1e-6)


def test_a_transformer_learns_beside_the_network_of_the_run(batch: dict[str, Patches]) -> None:
    torch.manual_seed(0)
    method = make(classes=3, second_view="unetr", **SMALL)
    before = {name: parameter.clone() for name, parameter in method.student_b.named_parameters()}
    method.step(batch)
    trained = {name: one for name, one in method.student_b.named_parameters() if one.requires_grad}
    still = {name for name, one in trained.items() if torch.equal(one, before[name])}
    assert not {name for name in still if "attn.qkv" in name or "position" in name}
    assert all(parameter.grad is not None for parameter in trained.values())  # or DDP would wait for them
    undecayed = {id(one) for one in method.optimizers[1].param_groups[1]["params"]}
    assert {id(one) for name, one in trained.items() if "position" in name} <= undecayed


@pytest.mark.parametrize("network", ["a", "b", "ensemble"])
def test_the_evaluated_network_is_a_setting(network: str, batch: dict[str, Patches]) -> None:
    method = apart(make(classes=3, eval_network=network))
    exported = method.export_networks()
    image = batch["lq"].image
    for role, kind in (("model", "student"), ("teacher", "teacher")):
        views = [getattr(method, f"{kind}_{view}")(image).softmax(1) for view in ("a", "b")]
        expected = {"a": views[0], "b": views[1], "ensemble": (views[0] + views[1]) / 2}[network]
        torch.testing.assert_close(exported[role](image).softmax(1), expected)


@pytest.mark.parametrize("view", ["a", "b", "ensemble"])
def test_the_evaluated_view_is_built_alone(view: str) -> None:
    method = make(
        second_view="unetr", second_filters=2, hidden_size=12, mlp_dim=8, num_heads=3, eval_network=view
    )
    for name, network in method.export_networks().items():
        assert method.build_exported(name).state_dict().keys() == network.state_dict().keys()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"method\.clip_norm.*0"):
        MixSegNet(clip_norm=0)
    with pytest.raises(ConfigError, match=r"num_heads to divide hidden_size, got 5 and 12"):
        make(second_view="unetr", hidden_size=12, num_heads=5)
