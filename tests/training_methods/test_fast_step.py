"""What makes a step fast does not fall away unseen; nothing here depends on time."""

import pytest
import torch
from torch import Tensor, nn

from alcseg.data.sampling import Patches
from alcseg.networks import build_network
from alcseg.training_methods import Method, Task
from alcseg.training_methods.alc import ALC

PATCH = (16, 16, 32)
PASSES = 3


@pytest.fixture
def method() -> Method:
    def build() -> nn.Module:
        return build_network("vnet", in_channels=1, num_classes=2, filters=2)

    task = Task(build_network=build, num_classes=2, steps=10, seed=0, patch=PATCH)
    return ALC(passes=PASSES).prepare(task).train()


def step(method: Method) -> None:
    def patches(count: int) -> Patches:
        image, label = torch.randn(count, 1, *PATCH), torch.randint(2, (count, *PATCH))
        return Patches(image, label, ["case"] * count, torch.arange(count))

    method.take_step({"hq": patches(2), "lq": patches(4)}, method.configure_optimizers())


def test_each_pass_of_the_teacher_and_all_patches_of_the_student_are_one_call(method: Method) -> None:
    calls: list[tuple[str, int]] = []
    for name in ("student", "teacher"):
        network = getattr(method, name)
        network.register_forward_pre_hook(lambda _, inputs, name=name: calls.append((name, len(inputs[0]))))
    step(method)
    assert calls == [("teacher", 4)] * PASSES + [("student", 6)]


def test_every_layer_computes_channels_last(method: Method) -> None:
    formats: list[bool] = []

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        formats.extend(
            each.is_contiguous(memory_format=torch.channels_last_3d) for each in (inputs[0], output)
        )

    for module in method.modules():
        if not list(module.children()):
            module.register_forward_hook(look)
    step(method)
    assert formats
    assert all(formats)


def test_the_teacher_follows_in_one_operation(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    together = torch._foreach_lerp_
    counts: list[int] = []

    def lerp(own: list[Tensor], theirs: list[Tensor], weight: float) -> None:
        counts.append(len(own))
        together(own, theirs, weight)

    monkeypatch.setattr(torch, "_foreach_lerp_", lerp)
    step(method)
    averaged = [each for each in method.teacher.state_dict().values() if each.is_floating_point()]
    assert counts == [len(averaged)]


def test_the_teacher_keeps_nothing_for_a_backward_pass(method: Method) -> None:
    grad: list[bool] = []
    method.teacher.register_forward_hook(lambda *_: grad.append(torch.is_grad_enabled()))
    step(method)
    assert grad == [False] * PASSES
